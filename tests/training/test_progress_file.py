"""How far a run is, in a file that others read at any moment."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training import planted
from training.cli import app
from training.data.dataset import Dataset
from training.progress import FileObserver, Observers


def read(path: Path) -> dict[str, object]:
    values: dict[str, object] = json.loads(path.read_text())
    return values


def test_steps_are_written_at_most_once_in_a_while_and_epochs_always(tmp_path: Path) -> None:
    now = 100.0
    file = tmp_path / "progress.json"
    observer = Observers(FileObserver(file, 9, every_seconds=1.0, clock=lambda: now))
    observer.step(1, 1, 8)
    assert read(file) == {"epochs": 9, "epoch": 1, "step": 1, "steps": 8, "history": []}
    now += 0.5
    observer.step(1, 2, 8)
    assert read(file)["step"] == 1
    now += 0.5
    observer.step(1, 3, 8)
    assert read(file)["step"] == 3
    observer.epoch({"epoch": 1, "seconds": 0.5})
    assert read(file)["history"] == [{"epoch": 1, "seconds": 0.5}]
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


@pytest.mark.parametrize("old", ["", "{", "[]", '{"history": 5}'])
def test_a_file_that_is_cut_is_begun_anew(tmp_path: Path, old: str) -> None:
    file = tmp_path / "progress.json"
    file.write_text(old)
    FileObserver(file, 2).epoch({"epoch": 1})
    assert read(file)["history"] == [{"epoch": 1}]


def test_a_resumed_run_goes_on_with_its_history_and_repeats_no_epoch(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    first = FileObserver(file, 4)
    for epoch in (1, 2, 3):
        first.epoch({"epoch": epoch, "of": "first"})
    FileObserver(file, 4).epoch({"epoch": 3, "of": "second"})
    assert read(file)["history"] == [
        {"epoch": 1, "of": "first"},
        {"epoch": 2, "of": "first"},
        {"epoch": 3, "of": "second"},
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    dataset: Dataset = planted.dataset()
    dataset.save(tmp_path / "data")
    return tmp_path / "data"


def test_the_command_writes_it(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    small = ["--set", "epochs=2", "--set", "model.embedding_size=4", "--threads", "1"]
    run = CliRunner().invoke(
        app, ["train", "--data", str(data), "--out", str(tmp_path / "run"), "--progress", str(file), *small]
    )
    assert run.exit_code == 0, run.output
    progress = read(file)
    assert (progress["epochs"], progress["epoch"]) == (2, 2)
    assert progress["history"] == json.loads((tmp_path / "run" / "history.json").read_text())
