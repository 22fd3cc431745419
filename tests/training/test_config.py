"""Settings: every bad one is named by file and field, and every preset fits its model."""

from pathlib import Path
from typing import Any

import pytest

from tests.training import planted
from training.config import ConfigError, parse_config, preset_names
from training.data.indexed import IndexedDataset
from training.presets import load_recipe
from training.trainer import new_model

GOOD: dict[str, Any] = {"model": {"name": "ktup"}}


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_names_a_model_with_settings_that_it_has(preset: str, world: IndexedDataset) -> None:
    config = load_recipe(preset, None).config
    model = new_model(config, world)
    assert model.config.embedding_size == config.model_settings["embedding_size"]  # type: ignore[union-attr]


def test_the_presets_of_the_handbook_are_there() -> None:
    assert {"sample", "ml1m-best", "dbbook2014-best"} <= set(preset_names())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1, got 0"),
        ({"epochs": "3"}, "epochs: Input should be a valid integer, got '3'"),
        ({"epochs": True}, "epochs: Input should be a valid integer, got True"),
        ({"epochs": 2.0}, "epochs: Input should be a valid integer, got 2.0"),
        ({"seed": -1}, "seed: "),
        ({"seed": 2**63}, "seed: "),
        ({"batch_size": 0}, "batch_size: "),
        ({"joint_weight": 1.1}, "joint_weight: Input should be less than or equal to 1, got 1.1"),
        ({"joint_weight": float("nan")}, "joint_weight: "),
        ({"protocol": "loose"}, "protocol: Input should be 'strict' or 'paper', got 'loose'"),
        ({"epoch": 3}, "there is no setting `epoch`; did you mean `epochs`?"),
        ({"norm": "l1"}, "there is no setting `norm`; there are `model`, `protocol`, `seed`, "),
        ({"learning_rate": 0.1}, "there is no setting `learning_rate`; did you mean `optimiser.learning_rate`?"),
        ({"sharpnes": 3}, "there is no setting `sharpnes`; did you mean `recommendation.sharpness` or `completion.s"),
        ({"optimizer": {"name": "adam"}}, "there is no section `optimizer`; did you mean `optimiser`?"),
        ({"optimiser": {"lr": 0.1}}, "there is no setting `optimiser.lr`; there are `optimiser.name`, `optimiser.l"),
        ({"model": {"name": "ktup", "norm": "l1"}, "nrom": 1}, "there is no setting `nrom`; did you mean `model.norm`"),
        ({"optimiser": {"learning_rate": 0}}, "optimiser.learning_rate: "),
        ({"optimiser": {"learning_rate": float("inf")}}, "optimiser.learning_rate: "),
        ({"optimiser": {"weight_decay": -0.1}}, "optimiser.weight_decay: "),
        ({"optimiser": {"schedule": "linear"}}, "optimiser.schedule: "),
        ({"optimiser": {"clip_norm": 0}}, "optimiser.clip_norm: "),
        ({"recommendation": {"loss": "margin"}}, "recommendation.loss: "),
        ({"recommendation": {"negatives": 0}}, "recommendation.negatives: "),
        ({"recommendation": {"sharpness": -1}}, "recommendation.sharpness: "),
        ({"recommendation": {"regulariser_weight": -0.1}}, "recommendation.regulariser_weight: "),
        ({"recommendation": {"orthogonality_weight": -0.1}}, "recommendation.orthogonality_weight: "),
        ({"joint": "turns"}, "joint: Input should be 'sum' or 'steps', got 'turns'"),
        ({"joint": "steps", "joint_weight": 0}, "joint: with joint_weight = 0 no step recommends"),
        ({"optimiser": {"name": "sgd"}}, "optimiser.name: Input should be 'adam' or 'adagrad', got 'sgd'"),
        ({"completion": {"reduction": "sum"}}, "completion.reduction: only the margin loss is summed"),
        ({"completion": {"loss": "bpr"}}, "completion.loss: "),
        ({"completion": {"margin": 0}}, "completion.margin: "),
        ({"completion": {"batch_size": 0}}, "completion.batch_size: "),
        ({"validation": {"metric": "auc"}}, "validation.metric: "),
        ({"validation": {"every": 0}}, "validation.every: "),
        ({"validation": {"patience": 0}}, "validation.patience: "),
        ({"validation": {"triples": 0}}, "validation.triples: "),
        ({"validation": 3}, "validation: "),
        ({"model": "ktup"}, "model: Input should be a valid dictionary, got 'ktup'"),
        ({"model": {}}, 'model: it has no name; name it, as in name = "ktup"'),
        ({"model": {"name": 3}}, "model: it has no name"),
    ],
)
def test_a_bad_setting_is_named_with_its_source(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD | settings, "mine.toml")
    assert str(caught.value).startswith(f"mine.toml: {message}")


def test_settings_without_a_model_say_so() -> None:
    with pytest.raises(ConfigError, match=r"^mine\.toml: model: Field required$"):
        parse_config({}, "mine.toml")


def test_all_bad_settings_are_named_at_once_one_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD | {"epochs": 0, "seed": -1}, "mine.toml")
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == [" seed", " epochs"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"name": "bert"}, "model.name: 'bert' is none of"),
        ({"name": "tup", "depth": 3}, "model.depth: tup has no such setting"),
        ({"name": "tup", "n_preferences": 0}, "model.n_preferences: 0 is not a whole number of at least 1"),
        ({"name": "ktup", "norm": "l3"}, "model.norm: 'l3' is none of l1, l2"),
        ({"name": "tup-hard", "attention": "raw"}, "model.attention: 'raw' is for soft induction"),
    ],
)
def test_a_setting_that_the_model_does_not_have_is_named(
    model: dict[str, Any], message: str, world: IndexedDataset
) -> None:
    with pytest.raises(ConfigError) as caught:
        new_model(planted.config(model), world)
    assert str(caught.value).startswith(message)


def test_a_toml_file_is_read_by_its_path_and_overrides_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('epochs = 7\nseed = 3\n[model]\nname = "ktup"\nnorm = "l1"\n')
    config = load_recipe(str(file), None, {"epochs": 2, "model.norm": "l2", "optimiser.learning_rate": 1}).config
    assert (config.epochs, config.seed, config.optimiser.learning_rate) == (2, 3, 1.0)
    assert (config.model_name, config.model_settings) == ("ktup", {"norm": "l2"})


def test_a_file_with_the_mark_that_windows_puts_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('epochs = 7\n[model]\nname = "ktup"\n', encoding="utf-8-sig")
    assert load_recipe(str(file), None).config.epochs == 7


@pytest.mark.parametrize("content", [b"epochs = \n", b"epochs = 3\nepochs = 4\n", b'name = "\xff"\n'])
def test_a_file_that_is_no_toml_is_named_with_what_is_wrong(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mine\.toml: not valid TOML: ."):
        load_recipe(str(file), None)


def test_an_unknown_preset_lists_the_presets_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'smaple' is neither a preset \(dbbook2014-best.*sample\) nor a TOML file"):
        load_recipe("smaple", None)


def test_an_override_below_a_value_names_both() -> None:
    with pytest.raises(ConfigError, match=r"^--set: epochs\.x: epochs is a value, not a section"):
        load_recipe("sample", None, {"epochs.x": 3})


def test_a_bad_override_is_not_blamed_on_the_file() -> None:
    with pytest.raises(ConfigError, match=r"^--set: there is no setting `epoch`; did you mean `epochs`\?$"):
        load_recipe("sample", None, {"epoch": 1})


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse_config(GOOD, "mine.toml").epochs = 3  # type: ignore[misc]
