"""`torchrun … -m training train`, as a person calls it: one voice, one run folder, errors told once, kills survived."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training import planted
from tests.training.distributed.launching import alone, started, torchrun

pytestmark = pytest.mark.cluster
EPOCHS = 16
LOSSES = ("recommendation_loss", "completion_loss")
SETTINGS = {"epochs": EPOCHS, "batch_size": 8, "model.embedding_size": 12, "validation.patience": 1000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with the planted world as a data set on disk."""
    folder = tmp_path_factory.mktemp("torchrun")
    planted.dataset().save(folder / "data")
    return folder


def train(folder: Path, run: str, *more: str, **changed: Any) -> list[str]:
    settings = [f"--set={name}={value}" for name, value in {**SETTINGS, **changed}.items()]
    arguments = ["--data", str(folder / "data"), "--out", str(folder / run), "--device", "cpu", *more]
    return ["training", "train", "--no-report", *arguments, *settings]


@pytest.fixture(scope="module")
def uninterrupted(folder: Path) -> Path:
    """A run of two processes that nobody killed."""
    done = torchrun(*train(folder, "uninterrupted"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best epoch") == 1
    assert done.stderr.count(f"epoch {EPOCHS:>3} ") == 1
    return folder / "uninterrupted"


def test_two_processes_leave_the_folder_that_one_leaves(uninterrupted: Path, folder: Path) -> None:
    done = alone(*train(folder, "alone", "--threads", "1"))
    names = [sorted(path.name for path in (folder / run).iterdir()) for run in ("alone", "uninterrupted")]
    assert names[0] == names[1], done.stderr
    losses = [
        [record["recommendation_loss"] for record in json.loads((folder / run / "history.json").read_text())]
        for run in ("alone", "uninterrupted")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


@pytest.mark.parametrize("sharded", [False, True], ids=["whole", "sharded"])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_killed_by_sigkill_costs_no_more_than_its_epoch(
    rank: int, sharded: bool, folder: Path, uninterrupted: Path
) -> None:
    name = f"killed-{rank}-{sharded}"
    progress = folder / f"{name}.json"
    arguments = train(folder, name, "--progress", str(progress), *(["--shard-tables"] if sharded else []))
    with started(*arguments, options=["--max-restarts", "2"]) as running:
        wait_for_epoch(progress, 4)
        before = workers(running.pid)
        os.kill(before[rank], signal.SIGKILL)
        wait_for_others(running.pid, before)
        out, err = running.communicate(timeout=200)
    assert running.returncode == 0, err
    assert "best epoch" in out
    history = json.loads((folder / name / "history.json").read_text("utf-8"))
    assert [record["epoch"] for record in history] == list(range(1, EPOCHS + 1))
    found, expected = (load_file(run / "checkpoint" / "weights.safetensors") for run in (folder / name, uninterrupted))
    for table, values in expected.items():
        torch.testing.assert_close(found[table], values, atol=1e-4 if sharded else 0.0, rtol=0)


def test_a_run_with_sharded_tables_goes_on_in_one_process_with_whole_ones(folder: Path, uninterrupted: Path) -> None:
    progress = folder / "moved.json"
    with started(*train(folder, "moved", "--shard-tables", "--progress", str(progress))) as running:
        wait_for_epoch(progress, 4)
        os.kill(workers(running.pid)[1], signal.SIGKILL)
        running.communicate(timeout=200)
    assert running.returncode != 0
    assert not (folder / "moved" / "checkpoint").exists()
    done = alone(*train(folder, "moved", "--resume", "--threads", "1"))
    assert done.returncode == 0, done.stderr
    found, expected = (
        load_file(run / "checkpoint" / "weights.safetensors") for run in (folder / "moved", uninterrupted)
    )
    for table, values in expected.items():
        torch.testing.assert_close(found[table], values, atol=1e-4, rtol=0)


IN_SHARDS = {"data_shards": 4}


@pytest.fixture(scope="module")
def alone_in_shards(folder: Path) -> Path:
    """A run of one process that draws from four shards of users."""
    done = alone(*train(folder, "alone in shards", "--threads", "1", **IN_SHARDS))
    assert done.returncode == 0, done.stderr
    return folder / "alone in shards"


def check_alike(run: Path, expected: Path) -> None:
    """Hold losses, figures and weights of two runs against each other."""
    ours, theirs = (json.loads((path / "history.json").read_text("utf-8")) for path in (run, expected))
    assert [record["epoch"] for record in ours] == [record["epoch"] for record in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert [one[k] for k in LOSSES] == pytest.approx([other[k] for k in LOSSES], abs=1e-4)
        assert one.get("valid", {}) == pytest.approx(other.get("valid", {}), abs=1e-9)
    assert theirs[-1]["valid"]["users"] == planted.PEOPLE
    found, wanted = (load_file(path / "checkpoint" / "weights.safetensors") for path in (run, expected))
    for table, values in wanted.items():
        torch.testing.assert_close(found[table], values, atol=1e-4, rtol=0)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_that_read_shards_learn_what_one_learns_from_all_of_them(
    processes: int, folder: Path, alone_in_shards: Path
) -> None:
    name = f"{processes} in shards"
    done = torchrun(*train(folder, name, **IN_SHARDS), processes=processes)
    assert done.returncode == 0, done.stderr
    check_alike(folder / name, alone_in_shards)


def test_a_run_with_data_in_shards_survives_a_kill_and_goes_on_with_another_number_of_processes(
    folder: Path, alone_in_shards: Path
) -> None:
    progress = folder / "moved shards.json"
    arguments = train(folder, "moved shards", "--progress", str(progress), **IN_SHARDS)
    with started(*arguments, options=["--max-restarts", "1"]) as running:
        wait_for_epoch(progress, 3)
        before = workers(running.pid)
        os.kill(before[1], signal.SIGKILL)
        wait_for_others(running.pid, before)
        epoch = json.loads(progress.read_text("utf-8"))["epoch"]
        wait_for_epoch(progress, epoch + 2)
        os.kill(workers(running.pid)[0], signal.SIGKILL)
        running.communicate(timeout=200)
    assert running.returncode != 0
    assert not (folder / "moved shards" / "checkpoint").exists()
    done = alone(*train(folder, "moved shards", "--resume", "--threads", "1", **IN_SHARDS))
    assert done.returncode == 0, done.stderr
    check_alike(folder / "moved shards", alone_in_shards)


def test_shards_that_do_not_go_evenly_on_processes_are_refused_once(folder: Path) -> None:
    done = torchrun(*train(folder, "uneven", data_shards=3))
    assert done.returncode != 0
    assert done.stderr.count("error: data_shards: 3 do not go evenly on 2 processes; give a multiple of 2") == 1


def test_a_broken_data_set_is_told_once_by_processes_that_read_shards(folder: Path) -> None:
    shutil.copytree(folder / "data", folder / "broken")
    (folder / "broken" / "interactions.parquet").unlink()
    done = torchrun(*train(folder, "of broken", "--data", str(folder / "broken"), **IN_SHARDS))
    assert done.returncode != 0
    assert done.stderr.count("interactions.parquet is missing") == 1


def test_what_is_wrong_with_a_call_is_told_once_and_ends_all(folder: Path) -> None:
    done = torchrun(*train(folder, "refused", **{"model.norm": "l3"}))
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert "model.norm: 'l3' is none of l1, l2" in done.stderr
    assert not (folder / "refused").exists()


def test_a_folder_with_a_run_is_refused_by_all_with_one_message(folder: Path, uninterrupted: Path) -> None:
    done = torchrun(*train(folder, uninterrupted.name))
    assert done.returncode != 0
    assert done.stderr.count("holds a finished run; choose another folder") == 1


def test_commands_that_are_for_one_process_say_so_once(folder: Path) -> None:
    done = torchrun("training", "evaluate", "--data", str(folder / "data"), "--checkpoint", str(folder))
    assert done.returncode != 0
    assert done.stderr.count("error: torchrun: several processes train and refit; evaluate is for one") == 1


def test_tables_are_not_sharded_without_others_to_hold_them(folder: Path) -> None:
    done = alone(*train(folder, "lonely", "--shard-tables"))
    assert (done.returncode, "start several with torchrun" in done.stderr) == (2, True)


def wait_for_epoch(progress: Path, epoch: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if progress.is_file() and json.loads(progress.read_text("utf-8"))["epoch"] >= epoch:
            return
        time.sleep(0.01)
    raise AssertionError(f"no epoch {epoch} in two minutes")


def wait_for_others(launcher: int, before: list[int]) -> None:
    """Wait until torchrun has begun all processes anew."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = workers(launcher)
        if len(now) == len(before) and not set(now) & set(before):
            return
        time.sleep(0.01)
    raise AssertionError("no new processes in a minute")


def workers(launcher: int) -> list[int]:
    """Give the processes that torchrun started, by rank."""
    children = [int(pid) for pid in Path(f"/proc/{launcher}/task/{launcher}/children").read_text("utf-8").split()]
    found = dict[int, int]()
    for child in children:
        try:
            given = Path(f"/proc/{child}/environ").read_text("utf-8").split("\0")
        except (ProcessLookupError, FileNotFoundError):  # it has just ended
            continue
        found |= {int(value): child for name, _, value in (entry.partition("=") for entry in given) if name == "RANK"}
    return [found[rank] for rank in sorted(found)]
