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


@pytest.mark.parametrize("old", ["", "{", "[]", '{"history": [{"epoch": 1, "of": "another run"}]}'])
def test_a_run_that_is_not_resumed_begins_the_file_anew(tmp_path: Path, old: str) -> None:
    file = tmp_path / "progress.json"
    file.write_text(old)
    FileObserver(file, 2).epoch({"epoch": 1})
    assert read(file)["history"] == [{"epoch": 1}]


@pytest.mark.parametrize("after", [1, 2, 4])
def test_c105_a_resumed_run_tells_of_every_epoch_also_of_one_that_the_file_had_missed(
    tmp_path: Path, after: int
) -> None:
    file, world, settings = tmp_path / "progress.json", planted.indexed(), planted.config(epochs=4)
    with pytest.raises(planted.Stop):  # before the file is told, which comes after the observer that stops
        planted.run(settings, world, tmp_path / "run", Observers(planted.Stopping(after), FileObserver(file, 4)))
    told = read(file)["history"]
    assert isinstance(told, list)
    assert len(told) == after - 1
    result = planted.run(settings, world, tmp_path / "run", FileObserver(file, 4), resume=True)
    assert read(file)["history"] == result.history
    assert [record["epoch"] for record in result.history] == [1, 2, 3, 4]


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
