"""Which systems a suite has, in which order; and commands that really train one of them alone."""

import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.checkpoint import WEIGHTS, file_hash
from models.registry import REGISTRY
from tests.training import planted
from tests.training.suite import small
from tests.training.suite.conftest import Finished
from training.cli import app
from training.cli_shared import parse_overrides
from training.config import ConfigError
from training.suite.plan import commands, seeds_named, systems_named


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_all_means_the_thirteen_systems() -> None:
    assert systems_named("all") == tuple(REGISTRY)
    assert systems_named(" bprmf, ktup-soft,") == ("bprmf", "ktup-soft")


def test_a_seed_counts_once() -> None:
    assert seeds_named("2, 0,2") == (2, 0)


@pytest.mark.parametrize("text", ["", "one", "1.5", "-1,0"])
def test_what_is_no_seed_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        seeds_named(text)


def test_a_source_of_two_systems_is_trained_once(tmp_path: Path) -> None:
    preset = small.write_preset(tmp_path)
    names = [recipe.name for recipe in small.request(preset, ("ktup-soft", "transe", "transh")).ordered(0)]
    assert names == small.ORDER


def test_the_seed_of_the_suite_is_that_of_every_recipe(tmp_path: Path) -> None:
    recipes = small.request(small.write_preset(tmp_path), overrides={"epochs": 7}).ordered(5)
    assert {(recipe.config.seed, recipe.config.epochs) for recipe in recipes} == {(5, 7)}


def test_a_preset_by_path_is_called_by_the_name_of_its_file(tmp_path: Path) -> None:
    assert small.request(small.write_preset(tmp_path, "dbbook2014.v2")).preset_name == "dbbook2014.v2"
    assert small.request(Path("sample")).preset_name == "sample"


def test_a_system_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ktop"):
        small.request(small.write_preset(tmp_path), ("ktop",)).ordered(0)


def test_the_commands_of_a_result_make_the_same_weights_and_figures(finished: Finished, tmp_path: Path) -> None:
    planted.dataset().save(tmp_path / "data")
    result = finished.results["tup-soft"]
    assert len(result.commands) == 3  # bprmf, tup-soft, evaluate
    for command in result.commands:
        line = command.replace("$DATA", str(tmp_path / "data")).replace("$RUNS", str(tmp_path / "runs"))
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "training"]
        code, out, err = call(*words[3:])
        assert code == 0, err
    assert file_hash(tmp_path / "runs" / "tup-soft-0" / "checkpoint" / WEIGHTS) == result.weights
    assert result.test.recommendation is not None
    assert f"{100 * result.test.recommendation['f1']:.2f} %" in out


def test_settings_of_every_kind_come_through_a_shell(tmp_path: Path) -> None:
    changed = {"optimiser.clip_norm": None, "validation.metric": "ndcg", "optimiser.learning_rate": 1e-3, "epochs": 1}
    asked = small.request(small.write_preset(tmp_path, "with space"), ("bprmf",), overrides=changed)
    train, evaluate = commands(asked, "bprmf", 3, threads=2, device="cpu")
    words = shlex.split(train)
    settings = [value for flag, value in pairwise(words) if flag == "--set"]
    named = ["optimiser.clip_norm=null", 'validation.metric="ndcg"', "optimiser.learning_rate=0.001", "epochs=1"]
    assert settings == [*named, "seed=3"]
    assert parse_overrides(settings) == {**changed, "seed": 3}
    assert words[words.index("--preset") + 1].endswith("with space.toml")
    assert evaluate.endswith('--checkpoint "$RUNS/bprmf-3/checkpoint" --threads 2 --device cpu')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    planted.dataset().save(tmp_path / "data")
    return tmp_path / "data"


def test_the_command_trains_a_suite_and_goes_on_with_it(data: Path, tmp_path: Path) -> None:
    preset, out = small.write_preset(tmp_path), tmp_path / "out"
    arguments = ["suite", "--data", data, "--preset", preset, "--out", out, "--systems", "bprmf", "--set", "epochs=1"]
    code, said, told = call(*arguments, "--seeds", "0,1", "--threads", 1)
    assert (code, said) == (0, f"2 results in {out / 'small'}\n")
    assert "bprmf, seed 1: training" in told
    assert "loss: recommendation" in told
    code, _, told = call(*arguments, "--seeds", "1")
    assert code == 0
    assert told.startswith("bprmf, seed 1: stands already; test F1 ")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--seeds", "x"], "--seeds x: expected whole numbers from 0"),
        (["--systems", ","], "--systems ,: expected all, or names"),
        (["--set", "seed=3"], "--set seed=3: a suite takes its seeds from --seeds"),
        (["--set", "epochs=0"], "epochs"),
        (["--systems", "ktop"], "ktop"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(data: Path, tmp_path: Path, more: list[str], told: str) -> None:
    arguments = ["suite", "--data", data, "--preset", small.write_preset(tmp_path), "--out", tmp_path / "out"]
    code, _, err = call(*arguments, "--systems", "bprmf", *more)
    assert code == 2
    assert err.startswith("error: ")
    assert told in err
    assert not (tmp_path / "out").exists()
