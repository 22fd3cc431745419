"""From a data set on disk to a release by three commands; every error of a person is one line, exit code 2."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from models.release import load_release
from tests.training import planted
from training.cli import app
from training.cli_shared import parse_overrides, told_plainly
from training.config import ConfigError

ROOT = Path(__file__).parents[2]
NO_CUDA = not torch.cuda.is_available()
SETTINGS = """
epochs = 3
batch_size = 64
model = { name = "ktup", embedding_size = 8, norm = "l2", combine = "mean" }
recommendation = { negatives = 16 }
completion = { batch_size = 32, negatives = 16 }
optimiser = { learning_rate = 0.05 }
"""


@dataclass(frozen=True)
class Workplace:
    """A data set, settings and a finished run, in one folder."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.toml"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "run" / "checkpoint"

    def training(self, out: Path | str, *more: object) -> list[object]:
        return ["train", "--data", self.data, "--preset", self.settings, "--out", out, "--no-report", *more]


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("cli"))
    planted.dataset(name="[bold]films").save(place.data)
    place.settings.write_text(SETTINGS)
    code, out, err = call(*place.training(place.folder / "run"))
    assert code == 0, err
    assert out.startswith("best epoch ")
    assert str(place.checkpoint) in out
    assert err.count("loss: recommendation ") == 3
    return place


def test_evaluate_shows_a_table_with_the_protocol_and_the_name_as_it_is(place: Workplace) -> None:
    code, out, err = call("evaluate", "--data", place.data, "--checkpoint", place.checkpoint)
    assert (code, err) == (0, "")
    assert "[bold]films, test split, strict protocol" in " ".join(out.split())
    assert "recommendation f1" in out
    assert "most-popular f1" in out
    assert "completion mrr" in out


def test_evaluate_prints_json_and_nothing_else(place: Workplace) -> None:
    code, out, _ = call(
        "evaluate", "--data", place.data, "--checkpoint", place.checkpoint, "--json", "--protocol", "paper"
    )
    metrics = json.loads(out)
    assert code == 0
    assert (metrics["protocol"], metrics["split"], metrics["top_n"]) == ("paper", "test", 10)
    assert (metrics["trained_under"], metrics["learnt"]) == ("strict", "train")
    assert metrics["recommendation"]["users"] == 42
    assert 0 <= metrics["completion"]["mean_rank"] < 39


def test_release_makes_one_that_loads(place: Workplace, tmp_path: Path) -> None:
    code, out, _ = call(
        "release", "--data", place.data, "--checkpoint", place.checkpoint, "--releases", tmp_path, "--id", "r-1"
    )
    assert (code, out) == (0, "release r-1\n")
    assert load_release(tmp_path / "r-1").manifest["dataset"]["name"] == "[bold]films"


@pytest.mark.parametrize("kind", ["cells", "ivfpq"])
def test_release_indexes_as_it_is_told(place: Workplace, tmp_path: Path, kind: str) -> None:
    given = ("--data", place.data, "--checkpoint", place.checkpoint, "--releases", tmp_path, "--id", "r-1")
    assert call("release", *given, "--index", kind)[0] == 0
    assert load_release(tmp_path / "r-1").manifest["index"]["kind"] == kind


def test_release_tells_how_probabilities_hold_and_evaluate_does_where_it_is_asked(
    place: Workplace, tmp_path: Path
) -> None:
    planted.dataset({"triples": planted.more_held_out()}).save(tmp_path / "data")
    given = ["--data", tmp_path / "data", "--checkpoint", tmp_path / "run" / "checkpoint"]
    assert call(*place.training(tmp_path / "run", "--data", tmp_path / "data", "--set", "epochs=1"))[0] == 0
    code, out, err = call("release", *given, "--releases", tmp_path, "--id", "r-1")
    assert (code, out) == (0, "release r-1\n")
    assert "completion calibration error: " in err
    assert "softmax alone: " in err
    made = json.loads((tmp_path / "r-1" / "manifest.json").read_text())["metrics"]["completion"]
    asked = json.loads(call("evaluate", *given, "--calibration", "--json")[1])["completion"]
    assert asked["calibration"] == made["calibration"]
    assert "calibration" not in json.loads(call("evaluate", *given, "--json")[1])["completion"]


def test_the_default_id_fits_a_data_set_of_any_name(place: Workplace, tmp_path: Path) -> None:
    code, out, _ = call("release", "--data", place.data, "--checkpoint", place.checkpoint, "--releases", tmp_path)
    assert code == 0
    assert out.startswith("release bold-films-ktup-")


def test_a_path_with_brackets_is_printed_as_it_is(place: Workplace, tmp_path: Path) -> None:
    code, out, _ = call(*place.training(tmp_path / "[red]run", "--set", "epochs=1"))
    assert code == 0
    assert str(tmp_path / "[red]run" / "checkpoint") in out


def test_settings_on_the_command_line_win_and_are_kept(place: Workplace, tmp_path: Path) -> None:
    settings = ["--set", "epochs=1", "--set", "model.norm=l1", "--set", "optimiser.clip_norm=5", "--threads", "1"]
    code, *_ = call(*place.training(tmp_path / "run", *settings))
    assert code == 0
    kept = json.loads((tmp_path / "run" / "checkpoint" / "manifest.json").read_text())
    assert kept["model"]["config"]["norm"] == "l1"
    assert (kept["training"]["epochs"], kept["training"]["optimiser"]["clip_norm"]) == (1, 5.0)


BPRMF = ["--set", 'model={"name": "bprmf", "embedding_size": 8}', "--set", "epochs=1"]
TUP = ["--set", 'model={"name": "tup-soft", "embedding_size": 8}', "--set", "epochs=1"]


def test_a_run_begins_from_a_checkpoint_that_is_named(place: Workplace, tmp_path: Path) -> None:
    assert call(*place.training(tmp_path / "bprmf", *BPRMF))[0] == 0
    basis = tmp_path / "bprmf" / "checkpoint"
    code, _, err = call(*place.training(tmp_path / "tup", *TUP, "--warm-start", basis))
    assert (code, "note:" in err) == (0, False)
    kept = json.loads((tmp_path / "tup" / "checkpoint" / "manifest.json").read_text())
    assert [record["model"]["name"] for record in kept["warm_starts"]] == ["bprmf"]
    assert str(tmp_path) not in json.dumps(kept)


def test_a_warm_start_of_other_rows_with_the_same_ids_is_noted(place: Workplace, tmp_path: Path) -> None:
    planted.dataset({"interactions": planted.without("interactions", "test")}).save(tmp_path / "other")
    assert call(*place.training(tmp_path / "bprmf", *BPRMF, "--data", tmp_path / "other"))[0] == 0
    basis = tmp_path / "bprmf" / "checkpoint"
    code, _, err = call(*place.training(tmp_path / "tup", *TUP, "--warm-start", basis))
    assert code == 0
    assert f"note: {basis} was trained on other rows; some of them may stand in valid or test of [bold]films" in err


SYSTEMS = (
    SETTINGS
    + """
[systems.bprmf]
epochs = 1

[systems.tup-soft]
epochs = 1
warm_starts = ["bprmf"]
"""
)


def test_a_system_is_trained_as_the_preset_says_and_a_cold_start_is_noted(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "systems.toml").write_text(SYSTEMS)
    system = ("--preset", tmp_path / "systems.toml", "--system")
    code, _, err = call(*place.training(tmp_path / "bprmf", *system, "bprmf"))
    assert (code, "note:" in err) == (0, False)
    kept = json.loads((tmp_path / "bprmf" / "checkpoint" / "manifest.json").read_text())
    assert (kept["model"]["name"], kept["training"]["epochs"]) == ("bprmf", 1)
    basis = ("--warm-start", tmp_path / "bprmf" / "checkpoint")
    for warm in ((), basis):
        code, _, err = call(*place.training(tmp_path / f"tup{len(warm)}", *system, "tup-soft", *warm))
        assert code == 0
        assert ("note: tup-soft begins from bprmf in this preset" in err) == (warm == ())


def test_resume_without_a_run_is_one_line(place: Workplace, tmp_path: Path) -> None:
    code, out, err = call(*place.training(tmp_path / "none", "--resume"))
    assert (code, out) == (2, "")
    assert err == f"error: {tmp_path / 'none'} holds no state.safetensors to resume from; start without --resume\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        (["a=1", "b.c=2.5"], {"a": 1, "b.c": 2.5}),
        (["name=ktup", "path=a=b"], {"name": "ktup", "path": "a=b"}),
        (["x=null", "y=true", 'z="3"', "w="], {"x": None, "y": True, "z": "3", "w": ""}),
    ],
)
def test_a_setting_is_json_where_it_can_be_and_text_elsewhere(settings: list[str], value: dict[str, Any]) -> None:
    assert parse_overrides(settings) == value


@pytest.mark.parametrize("setting", ["epochs", "=3", ""])
def test_a_setting_without_name_or_sign_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match="expected name=value"):
        parse_overrides([setting])


Arguments = Callable[[Workplace, Path], Sequence[object]]


def _huge(name: str, place: Workplace, folder: Path) -> Sequence[object]:
    return place.training(folder / "x", "--set", f"{name}=1000000000000")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda p, t: p.training(t / "x", "--set", "epochs"), "--set epochs: expected name=value"),
        (lambda p, t: p.training(t / "x", "--set", "epochs=0"), "--set: epochs: Input should be greater"),
        (lambda p, t: p.training(t / "x", "--set", "seed=NaN"), "--set: seed: "),
        (
            lambda p, t: p.training(t / "x", "--set", "epoch=1"),
            "--set: there is no setting `epoch`; did you mean `epochs`",
        ),
        *((partial(_huge, name), f"{name}: ") for name in ("recommendation.negatives", "completion.negatives")),
        *((partial(_huge, name), f"{name}: ") for name in ("validation.top_n", "model.embedding_size")),
        (lambda p, t: p.training(t / "x", "--set", "model.depth=3"), "model.depth: ktup has no such setting"),
        (lambda p, t: p.training(t / "x", "--set", "model.name=bert"), "model.name: 'bert' is none of"),
        (
            lambda p, t: p.training(t / "x", "--warm-start", p.checkpoint),
            "checkpoint: ktup cannot begin from ktup; it begins from TUP and TransH",
        ),
        (lambda p, t: p.training(t / "x", "--warm-start", t / "nowhere"), "nowhere: manifest.json is missing"),
        (lambda p, t: p.training(t / "x", "--preset", "nothing"), "'nothing' is neither a preset"),
        (lambda p, t: p.training(t / "x", "--system", "svd"), "settings.toml: 'svd' is none of the systems fm, bprmf"),
        (lambda p, t: p.training(t / "x", "--data", t / "nowhere"), "nowhere is not a usable data set"),
        (
            lambda p, t: p.training(t / "x", "--set", "optimiser.learning_rate=1e38"),
            "epoch 1, batch 2: the loss is nan",
        ),
        (lambda p, t: p.training(p.folder / "run"), "holds a finished run; choose another folder"),
        (lambda p, t: p.training(p.settings), "settings.toml is a file; a run needs a folder"),
        (
            lambda p, t: ["evaluate", "--data", p.data, "--checkpoint", t / "nowhere"],
            "nowhere: manifest.json is missing",
        ),
        (lambda p, t: ["evaluate", "--data", p.data, "--checkpoint", p.data], "data: "),
        (
            lambda p, t: ["refit", "--data", p.data, "--checkpoint", p.data, "--out", t / "x"],
            "data: manifest.json is that of something else than a checkpoint",
        ),
        (
            lambda p, t: ["evaluate", "--data", p.data, "--checkpoint", p.checkpoint, "--probabilities-of", t],
            "--probabilities-of says on what --calibration fits; add that",
        ),
        (
            lambda p, t: ["release", "--data", p.data, "--checkpoint", p.checkpoint, "--id", "a/b"],
            "--id 'a/b': expected",
        ),
    ],
)
def test_every_error_of_a_person_is_one_line_with_exit_code_2(
    arguments: Arguments, message: str, place: Workplace, tmp_path: Path
) -> None:
    code, out, err = call(*arguments(place, tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert not (tmp_path / "x" / "checkpoint").exists()


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(1 << 50),
        lambda: torch.empty(1 << 61, 8),
        lambda: np.empty(1 << 50),
        lambda: _raise(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")),
        lambda: _raise(MemoryError()),
    ],
)
def test_memory_that_is_not_enough_is_told_with_what_to_lower(
    allocate: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, told_plainly():
        allocate()
    told = capsys.readouterr().err
    assert ended.value.exit_code == 2
    assert told.startswith("error: memory is not enough")
    assert "batch_size, negatives, model.embedding_size" in told
    assert told.count("\n") == 1


def test_another_error_of_torch_is_no_matter_of_memory() -> None:
    with pytest.raises(RuntimeError, match="size of tensor"), told_plainly():
        torch.ones(2) + torch.ones(3)


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("left_out", ["training", "dataset"])
def test_a_checkpoint_that_does_not_say_how_it_was_trained_is_refused_by_name(
    left_out: str, place: Workplace, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(place.folder / "run", tmp_path / "run"))
    manifest = run / "checkpoint" / "manifest.json"
    values = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({name: value for name, value in values.items() if name != left_out}))
    given = ("--data", place.data, "--checkpoint", run / "checkpoint")
    commands = [
        ("evaluate", *given),
        ("release", *given, "--releases", tmp_path / "r"),
        ("report", "run", run, *given[:2]),
    ]
    if left_out == "training":
        commands.append(("refit", *given, "--out", tmp_path / "refit", "--no-report"))
    for command in commands:
        code, _, err = call(*command)
        assert (code, err.count("\n"), "trained" in err) == (2, 1, True), (command, err)


@pytest.mark.skipif(not NO_CUDA, reason="this machine has CUDA")
def test_cuda_is_refused_in_words_where_there_is_none(place: Workplace, tmp_path: Path) -> None:
    code, _, err = call(*place.training(tmp_path / "x", "--device", "cuda"))
    assert (code, err) == (2, "error: --device cuda: this machine has no CUDA device; use auto or cpu\n")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("option", [["--device", "tpu"], ["--threads", "0"], ["--nonsense"]])
def test_an_option_that_is_none_is_a_usage_error(option: list[str], place: Workplace, tmp_path: Path) -> None:
    code, _, err = call(*place.training(tmp_path / "x", *option))
    assert code == 2
    assert option[0] in err
    assert "Traceback" not in err


def test_a_changed_data_set_is_refused_for_an_old_checkpoint(place: Workplace, tmp_path: Path) -> None:
    planted.dataset({"interactions": planted.without("interactions", "valid")}, name="other").save(tmp_path / "other")
    code, _, err = call("evaluate", "--data", tmp_path / "other", "--checkpoint", place.checkpoint)
    assert code == 2
    assert "the checkpoint was trained on data" in err


def test_a_refit_on_another_data_set_is_refused_and_makes_no_folder(place: Workplace, tmp_path: Path) -> None:
    planted.dataset({"interactions": planted.without("interactions", "valid")}, name="other").save(tmp_path / "other")
    given = ("--checkpoint", place.checkpoint, "--out", tmp_path / "refit", "--no-report")
    code, out, err = call("refit", "--data", tmp_path / "other", *given)
    assert (code, out) == (2, "")
    assert f"{place.checkpoint} was trained on [bold]films " in err
    assert not (tmp_path / "refit").exists()


def test_a_checkpoint_with_a_flipped_byte_is_refused(place: Workplace, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(place.checkpoint, tmp_path / "copy"))
    weights = bytearray((copy / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "weights.safetensors").write_bytes(weights)
    code, _, err = call("evaluate", "--data", place.data, "--checkpoint", copy)
    assert (code, err) == (
        2,
        f"error: {copy}: weights.safetensors is cut or was altered: its hash differs from the manifest\n",
    )


def test_the_module_runs_as_a_process_with_json_alone_on_standard_output(place: Workplace) -> None:
    command = [sys.executable, "-m", "training", "evaluate", "--json"]
    command += ["--data", str(place.data), "--checkpoint", str(place.checkpoint)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["recommendation"]["users"] == 42
