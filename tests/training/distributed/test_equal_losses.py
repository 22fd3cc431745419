"""Several processes learn what one learns: the same losses, the same figures, the same weights but for rounding."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.checkpoint import load_checkpoint
from tests.training import planted
from tests.training.distributed.launching import torchrun
from tests.training.distributed.several import CASES, data, settings
from training.trainer import TrainingResult

TOLERANCE = 1e-4
QUICK = (
    "softmax",
    "listwise, hard, drawn",
    "+softmax",
    "%softmax",
    "%bpr, hard",
    "%listwise, hard, drawn",
    "+%listwise",
)
SHARDED = [f"+{case}" for case in CASES if case != "touched"]
IN_SHARDS = [f"%{case}" for case in CASES]
BOTH = [f"+%{case}" for case in ("softmax", "bpr, hard", "listwise, hard, drawn", "transr")]
WEIGHTLESS = ("bias", "user_biases")
"""No order of items depends on these: their gradients are rounding, which Adam makes steps of."""


def run_by(processes: int, folder: Path, cases: Sequence[str]) -> None:
    done = torchrun("tests.training.distributed.several", str(folder), *cases, processes=processes)
    assert done.returncode == 0, done.stderr


def check(case: str, run: Path, tmp_path: Path) -> None:
    """Hold a run of several processes against one process that trains here."""
    alone = planted.run(settings(case), data(), tmp_path / "alone")
    together = TrainingResult(run / "checkpoint", 0, json.loads((run / "history.json").read_text("utf-8")))
    assert len(together.history) == len(alone.history) == 2
    for ours, theirs in zip(together.history, alone.history, strict=True):
        losses = [key for key in theirs if key.endswith("_loss")]
        assert losses
        assert all(abs(ours[key] - theirs[key]) <= TOLERANCE for key in losses), (case, ours, theirs)
        assert ours["valid"] == pytest.approx(theirs["valid"], abs=1e-9)
    expected, found = (load_file(result.checkpoint / "weights.safetensors") for result in (alone, together))
    assert expected.keys() == found.keys()
    for table in expected.keys() - set(WEIGHTLESS):
        torch.testing.assert_close(found[table], expected[table], atol=TOLERANCE, rtol=0)
    manifests = [load_checkpoint(result.checkpoint).manifest for result in (alone, together)]
    apart = {"files", "dataset"}  # hashes of weights that differ by rounding, and when the world was made
    one, other = ({key: value for key, value in m.items() if key not in apart} for m in manifests)
    assert one == other


def test_two_processes_have_the_losses_of_one_with_whole_and_with_sharded_tables_and_data(tmp_path: Path) -> None:
    run_by(2, tmp_path, QUICK)
    for case in QUICK:
        check(case, tmp_path / case, tmp_path / f"of {case}")


@pytest.fixture(scope="module")
def by_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case, by three processes: batches and tables that three do not divide."""
    folder = tmp_path_factory.mktemp("three")
    run_by(3, folder, [*CASES, *SHARDED, *IN_SHARDS, *BOTH])
    return folder


@pytest.mark.cluster
@pytest.mark.parametrize("case", [*CASES, *SHARDED, *IN_SHARDS, *BOTH])
def test_three_processes_have_the_losses_of_one(case: str, by_three: Path, tmp_path: Path) -> None:
    check(case, by_three / case, tmp_path)


def test_the_runs_that_are_compared_learn_from_rejected_facts_and_rows_of_their_own() -> None:
    assert len(data().rejected) == 3
    assert len(data().interactions["train"]) % 293 == 1  # a last batch of one row, which one process of three gets


@pytest.mark.cluster
def test_each_of_two_processes_holds_half_of_the_rows_of_sharded_tables(tmp_path: Path) -> None:
    done = torchrun("tests.training.distributed.holding", str(tmp_path))
    assert done.returncode == 0, done.stderr
    # 43 people, 30 films, 39 entities, of 12 numbers: 22 + 21, 15 + 15 and 20 + 19 rows; likewise both moments of Adam.
    held = [json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1)]
    assert held[0] == {"users": [22, 12], "items": [15, 12], "entities": [20, 12]}
    assert held[1] == {"users": [21, 12], "items": [15, 12], "entities": [19, 12]}


@pytest.mark.cluster
@pytest.mark.parametrize("case", ["%softmax", "%listwise"])
def test_each_of_two_processes_holds_half_of_the_interactions(case: str, tmp_path: Path) -> None:
    planted.dataset().save(tmp_path / "data")
    done = torchrun("tests.training.distributed.holding_data", str(tmp_path / "data"), str(tmp_path), case)
    assert done.returncode == 0, done.stderr
    # 42 people, 7 training rows and a validation row each: 21 people in the first six shards of twelve, and 21 behind.
    for rank in (0, 1):
        held = json.loads((tmp_path / f"{rank}.json").read_text("utf-8"))
        assert set(held["train"]) == {147}
        assert set(held["valid"]) == {21}
        assert held["targets"] == [147]
        assert held["rows"] == ([21] if "listwise" in case else [147])  # users, or interactions
        assert (held["lists"], held["known"]) == (([147, 147], []) if "listwise" in case else ([], [147]))
