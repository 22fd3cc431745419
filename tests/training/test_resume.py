"""A run that was killed goes on as if nothing had happened, and no run is ever written over."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.checkpoint import file_hash, load_checkpoint
from tests.training import killed_run, planted
from training.data.indexed import IndexedDataset
from training.run_state import HISTORY, STATE, ResumeError
from training.trainer import TrainingResult

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def straight(world: IndexedDataset, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """The run that nobody killed."""
    return planted.run(killed_run.settings(), world, tmp_path_factory.mktemp("straight"))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a killed run for each moment."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.training.killed_run", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert [int(code) for code in ended.stdout.split()] == [-signal.SIGKILL] * len(killed_run.MOMENTS), ended.stderr
    return folder


@pytest.fixture
def stopped(world: IndexedDataset, folder: Path) -> Path:
    """The folder of a run that got through one epoch of four."""
    with pytest.raises(planted.Stop):
        planted.run(planted.config(), world, folder, planted.Stopping(1))
    return folder


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_hash(path) for path in folder.rglob("*") if path.is_file()}


def without_seconds(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key != "seconds"} for record in history]


@pytest.mark.parametrize("moment", killed_run.MOMENTS)
def test_c59_a_killed_and_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    moment: str, world: IndexedDataset, straight: TrainingResult, killed: Path
) -> None:
    folder, observer = killed / moment, planted.Quiet()
    assert not (folder / "checkpoint").exists()

    resumed = planted.run(killed_run.settings(), world, folder, observer, resume=True)
    expected, found = (load_file(r.checkpoint / "weights.safetensors") for r in (straight, resumed))
    assert {name for name in expected if not torch.equal(expected[name], found[name])} == set()
    assert resumed.best_epoch == straight.best_epoch
    assert without_seconds(resumed.history) == without_seconds(straight.history)
    assert len(observer.records) == {"after epoch 2": 2, "within epoch 3": 2}.get(moment, 3)
    assert (observer.records_before or []) + observer.records == resumed.history
    assert load_checkpoint(resumed.checkpoint).manifest == load_checkpoint(straight.checkpoint).manifest
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint", "history.json", STATE]


@pytest.mark.parametrize(("optimiser", "moments"), [("adam", (2, 3, 4)), ("adagrad", (3, 4, 5))])
def test_halved_rates_and_forgotten_moments_are_brought_back(
    optimiser: str, moments: tuple[int, ...], world: IndexedDataset, tmp_path: Path
) -> None:
    how = {"name": optimiser, "learning_rate": 0.3, "schedule": "halving", "weight_decay": 1e-5, "clip_norm": 5.0}
    model = {**planted.KTUP, "strategy": "hard"}
    settings = planted.config(model, epochs=6, joint="steps", joint_weight=0.7, optimiser=how)
    straight = planted.run(settings, world, tmp_path / "straight")
    halvings = []
    for after in moments:
        folder = tmp_path / f"stopped after {after}"
        with pytest.raises(planted.Stop):
            planted.run(settings, world, folder, planted.Stopping(after))
        with safe_open(folder / STATE, framework="pt") as file:
            halvings.append(json.loads(file.metadata()["progress"])["halvings"])
        resumed = planted.run(settings, world, folder, resume=True)
        expected, found = (load_file(r.checkpoint.parent / STATE) for r in (straight, resumed))
        assert expected.keys() == found.keys()
        assert {name for name in expected if not torch.equal(expected[name], found[name])} == set()
        assert without_seconds(resumed.history) == without_seconds(straight.history)
    assert halvings == [0, 1, 2]


def test_a_run_stopped_after_its_last_best_epoch_is_published_when_resumed(
    world: IndexedDataset, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise planted.Stop

    with monkeypatch.context() as patch:
        patch.setattr("training.trainer._Trainer._publish", fail)
        with pytest.raises(planted.Stop):
            planted.run(planted.config(), world, stopped, resume=True)
    observer = planted.Quiet()
    result = planted.run(planted.config(), world, stopped, observer, resume=True)
    assert observer.records == []
    assert observer.records_before == result.history
    assert len(result.history) == 4
    assert load_checkpoint(result.checkpoint).manifest["epoch"] == result.best_epoch


def test_a_run_killed_within_its_first_epoch_starts_over(
    world: IndexedDataset, straight: TrainingResult, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise planted.Stop

    with monkeypatch.context() as patch:
        patch.setattr("training.trainer.save_state", fail)
        with pytest.raises(planted.Stop):
            planted.run(killed_run.settings(), world, folder)
    assert [path.name for path in folder.iterdir()] == ["best-0001"]
    result = planted.run(killed_run.settings(), world, folder)
    assert without_seconds(result.history) == without_seconds(straight.history)


NOT_OURS = ["best-model/a.txt", "best-2025/a.txt", "best-0001/a.txt", "best-12/a.txt", "data/a.txt"]


@pytest.mark.parametrize("name", [*NOT_OURS, "history.json", "report.html", "pictures/a.png", "pictures"])
def test_a_folder_of_something_else_is_refused_and_stays_as_it_is(
    world: IndexedDataset, folder: Path, name: str
) -> None:
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("years of work")
    before = files(folder)
    with pytest.raises(ResumeError, match=f"is not empty: {name.partition('/')[0]} is there, of no run"):
        planted.run(planted.config(epochs=1), world, folder)
    assert files(folder) == before


@pytest.mark.parametrize("name", [name for name in NOT_OURS if "0001" not in name])
def test_what_comes_into_a_folder_while_a_run_goes_on_in_it_stays(
    world: IndexedDataset, stopped: Path, name: str
) -> None:
    (stopped / name).parent.mkdir()
    (stopped / name).write_text("years of work")
    planted.run(planted.config(), world, stopped, resume=True)
    assert (stopped / name).read_text() == "years of work"
    assert not (stopped / "best-0001").exists()


def test_a_best_epoch_takes_nobody_elses_name(world: IndexedDataset, stopped: Path) -> None:
    for epoch in (2, 3, 4):
        (stopped / f"best-{epoch:04d}").mkdir()
        (stopped / f"best-{epoch:04d}" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"best-000\d exists"):
        planted.run(planted.config(), world, stopped, resume=True)
    assert len(list(stopped.rglob("thesis.txt"))) == 3


def test_logs_beside_a_run_and_files_called_best_stop_nothing_and_stay(world: IndexedDataset, folder: Path) -> None:
    folder.mkdir()
    for name in ("train.log", "best-notes.txt", "best-2025", ".state.safetensors.partial"):
        (folder / name).write_text("a line")
    planted.run(planted.config(epochs=2), world, folder)
    for name in ("train.log", "best-notes.txt", "best-2025"):
        assert (folder / name).read_text() == "a line"


def test_a_run_killed_before_its_first_state_starts_over_whatever_it_was_writing_or_removing(
    world: IndexedDataset, folder: Path
) -> None:
    result = planted.run(planted.config(epochs=1), world, folder)
    result.checkpoint.rename(folder / "best-0001")
    shutil.copytree(folder / "best-0001", folder / ".best-0001.4711.partial")
    (folder / "best-0001" / "manifest.json").unlink()  # its removal had begun
    (folder / STATE).unlink()
    (folder / HISTORY).unlink()
    again = planted.run(planted.config(epochs=1), world, folder)
    assert without_seconds(again.history) == without_seconds(result.history)


def test_a_started_run_is_not_started_over_without_being_asked(world: IndexedDataset, stopped: Path) -> None:
    before = files(stopped)
    with pytest.raises(ResumeError, match="holds a run already; add --resume"):
        planted.run(planted.config(), world, stopped)
    assert files(stopped) == before


@pytest.mark.parametrize("resume", [False, True])
def test_a_finished_run_is_never_written_over(world: IndexedDataset, folder: Path, resume: bool) -> None:
    planted.run(planted.config(epochs=1), world, folder)
    before = files(folder)
    with pytest.raises(ResumeError, match="holds a finished run; choose another folder"):
        planted.run(planted.config(epochs=1), world, folder, resume=resume)
    assert files(folder) == before


def test_other_settings_are_refused_on_resume(world: IndexedDataset, stopped: Path) -> None:
    before = files(stopped)
    with pytest.raises(ResumeError, match="belongs to other settings or another data set"):
        planted.run(planted.config(seed=1), world, stopped, resume=True)
    assert files(stopped) == before


def test_another_data_set_is_refused_on_resume(stopped: Path) -> None:
    fewer = planted.indexed(interactions=pl.DataFrame(planted.tables()["interactions"]).head(-1))
    with pytest.raises(ResumeError, match="belongs to other settings or another data set"):
        planted.run(planted.config(), fewer, stopped, resume=True)


def test_nothing_to_resume_is_told_and_no_folder_is_made(world: IndexedDataset, folder: Path) -> None:
    with pytest.raises(ResumeError, match=r"no state\.safetensors to resume from; start without --resume"):
        planted.run(planted.config(), world, folder, resume=True)
    assert not folder.exists()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _strip(path: Path) -> None:
    save_file(load_file(path), path)


def _move_to_cuda(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata={**metadata, "device": "cuda"})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut, "cannot be read: .*; start again in an empty folder"),
        (_strip, "cannot be read: .*; start again in an empty folder"),
        (_move_to_cuda, "was made on cuda; go on with --device cuda"),
    ],
)
def test_a_state_that_cannot_go_on_is_refused_with_the_reason(
    world: IndexedDataset, stopped: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(stopped / STATE)
    with pytest.raises(ResumeError, match=message):
        planted.run(planted.config(), world, stopped, resume=True)


def test_the_history_on_disk_is_that_of_the_result(straight: TrainingResult) -> None:
    assert json.loads((straight.checkpoint.parent / "history.json").read_text()) == straight.history
