"""Recipes: every preset has one for each system, and what is wrong in a section is named by file and field."""

from pathlib import Path
from typing import Any

import pytest

from models.registry import REGISTRY, config_from
from training.config import ConfigError, preset_names
from training.presets import SystemRecipe, load_recipe
from training.selection import needs
from training.warm_start import GIVES

COMMON = """
epochs = 7
model = { name = "ktup", embedding_size = 8, strategy = "soft", norm = "l2", combine = "mean" }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A preset without sections, to be added to."""
    path = tmp_path / "mine.toml"
    path.write_text(COMMON)
    return path


def recipe(file: Path, system: str, sections: str, overrides: dict[str, Any] | None = None) -> SystemRecipe:
    file.write_text(COMMON + sections)
    return load_recipe(str(file), system, overrides)


@pytest.mark.parametrize("system", REGISTRY)
@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_has_a_recipe_for_each_system_that_can_be_trained(preset: str, system: str) -> None:
    found = load_recipe(preset, system)
    assert (found.name, found.config.model_name) == (system, system)
    settings = config_from(system, found.config.model_settings)
    recommends, completes = not system.startswith("trans"), not system.startswith(("fm", "bprmf", "tup"))
    for needed, able in zip(needs(found.config.validation.metric), (recommends, completes), strict=True):
        assert able or not needed
    assert needs(found.config.validation.metric)[0] == recommends
    for source in found.warm_starts:
        before = load_recipe(preset, source).config
        assert (REGISTRY[system].model, REGISTRY[source].model) in GIVES
        assert before.protocol == found.config.protocol
        assert config_from(source, before.model_settings).embedding_size == settings.embedding_size


@pytest.mark.parametrize("data", ["dbbook2014", "ml1m"])
def test_a_data_set_alone_is_short_for_its_best_preset(data: str) -> None:
    assert load_recipe(data, "cke") == load_recipe(f"{data}-best", "cke")
    assert load_recipe(data, None) == load_recipe(f"{data}-best", None)


def test_a_system_takes_of_the_model_section_what_it_has_and_its_name_settles_the_rest(file: Path) -> None:
    assert load_recipe(str(file), "bprmf").config.model == {"name": "bprmf", "embedding_size": 8}
    assert load_recipe(str(file), "ktup-hard").config.model == {
        "name": "ktup-hard",
        "embedding_size": 8,
        "norm": "l2",
        "combine": "mean",
    }


def test_a_section_changes_the_common_settings_and_overrides_change_both(file: Path) -> None:
    section = '[systems.bprmf]\n"epochs" = 9\nmodel.bounded = false\n"recommendation.sharpness" = 7.0\n'
    found = recipe(file, "bprmf", section, {"epochs": 2, "recommendation.negatives": 3})
    assert (found.config.epochs, found.config.recommendation.sharpness, found.config.recommendation.negatives) == (
        *(2, 7.0, 3),
    )
    assert found.config.model == {"name": "bprmf", "embedding_size": 8, "bounded": False}
    assert found.warm_starts == ()
    assert load_recipe(str(file), "fm").config.epochs == 7
    assert load_recipe(str(file), None).config.epochs == 7


def test_a_section_of_the_presets_own_model_is_part_of_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('epochs = 7\n[model]\nname = "cke"\n[systems.cke]\nepochs = 3\nwarm_starts = ["bprmf"]\n')
    assert load_recipe(str(path), None).config.epochs == 3
    assert load_recipe(str(path), None) == load_recipe(str(path), "cke")
    assert load_recipe(str(path), None).warm_starts == ("bprmf",)


def test_warm_starts_are_kept_in_their_order(file: Path) -> None:
    sections = '[systems.ktup-soft]\nwarm_starts = ["tup-soft", "transh"]\n[systems.transh]\nwarm_starts=["transe"]\n'
    assert recipe(file, "ktup-soft", sections).warm_starts == ("tup-soft", "transh")
    assert recipe(file, "transh", sections).warm_starts == ("transe",)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ("[systems.bprm]\n", "systems.bprm: 'bprm' is none of the systems fm, bprmf, "),
        ("[systems.ktup]\n", "systems.ktup: 'ktup' is none of the systems fm, bprmf, "),
        ("systems = 3\n", "systems: expected sections, as in [systems.bprmf]"),
        ("[systems]\nbprmf = 3\n", "systems: expected sections, as in [systems.bprmf]"),
        (
            '[systems.bprmf]\n"recommendation.sharp" = 7.0\n',
            "systems.bprmf: there is no setting `recommendation.sharp`; did",
        ),
        ('[systems.bprmf]\n"epoch" = 7\n', "systems.bprmf: there is no setting `epoch`; did you mean `epochs`?"),
        ('[systems.bprmf]\n"epochs.x" = 7\n', "systems.bprmf: epochs.x: epochs is a value, not a section"),
        ('[systems.bprmf]\n"epochs" = 0\n', "systems.bprmf: epochs: Input should be greater than or equal to 1, got 0"),
        ('[systems.bprmf]\n"model.norm" = "l1"\n', "systems.bprmf: model.norm: bprmf has no such setting"),
        ('[systems.bprmf]\n"model.name" = "fm"\n', "systems.bprmf: model.name: 'fm' is not the system 'bprmf'"),
        ('[systems.bprmf]\nwarm_starts = "fm"\n', "systems.bprmf.warm_starts: expected a list of systems, got 'fm'"),
        ("[systems.bprmf]\nwarm_starts = [3]\n", "systems.bprmf.warm_starts: 3 is none of the systems fm, "),
        ('[systems.cke]\nwarm_starts = ["tup"]\n', "systems.cke.warm_starts: 'tup' is none of the systems fm, "),
        ('[systems.fm]\nwarm_starts = ["fm"]\n', "systems.fm.warm_starts: a circle: fm -> fm"),
    ],
)
def test_what_is_wrong_in_a_section_is_named_with_file_and_field(file: Path, sections: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe(file, "bprmf", sections)
    assert str(caught.value).startswith(f"mine.toml: {message}")


def test_warm_starts_that_go_round_in_a_circle_are_refused_for_every_system(file: Path) -> None:
    sections = "".join(
        f'[systems.{name}]\nwarm_starts = ["{source}"]\n'
        for name, source in (("cke", "transr"), ("transr", "transe"), ("transe", "cke"))
    )
    with pytest.raises(ConfigError, match=r"mine\.toml: systems\.(cke|trans[er])\.warm_starts: a circle: (\S+ -> ){3}"):
        recipe(file, "fm", sections)


def test_an_unknown_system_is_refused_with_those_that_there_are(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"^mine\.toml: 'svd' is none of the systems fm, bprmf, tup-hard"):
        load_recipe(str(file), "svd")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 3}, "--set: there is no setting `epoch`; did you mean `epochs`?"),
        ({"model.norm": "l1"}, "--set: model.norm: bprmf has no such setting"),
        ({"model.name": "fm"}, "--set: model.name: 'fm' is not the system 'bprmf'"),
    ],
)
def test_an_unknown_override_is_named(file: Path, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(str(file), "bprmf", overrides)
    assert str(caught.value).startswith(message)


def test_a_setting_that_no_model_has_is_told_though_the_system_would_not_take_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[model]\nname = "ktup"\nnrom = "l1"\n')
    with pytest.raises(ConfigError, match=r"^mine\.toml: model\.nrom: ktup has no such setting"):
        load_recipe(str(path), "bprmf")
