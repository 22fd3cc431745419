"""Our side, run by our Python; prints one line of JSON.

The trainer itself does the work, with an observer that holds a stopwatch to its steps. Like for like: one negative a
row, BPR and margin loss, Adam, interactions and triples in turns. "as shipped" is the loss of our presets: each row is
compared with 64 negatives, and each step takes both tasks; its amount is rows, each with a triple beside it.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers.measuring import WARM_UP, Measurement, between, timed
from benchmarks.peers.task import OUR_SHARE, Settings
from models.checkpoint import load_checkpoint
from training.config import parse_config
from training.data.batches import turns
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.evaluation.completion import evaluate_completion
from training.evaluation.protocol import STRICT
from training.evaluation.recommendation import evaluate_recommendation
from training.progress import Silent
from training.trainer import train

CPU = torch.device("cpu")
KTUP: Mapping[str, Any] = {"name": "ktup-soft", "norm": "l2", "combine": "mean"}
LIKE_FOR_LIKE: Mapping[str, Any] = {
    "recommendation": {"loss": "bpr"},
    "completion": {"loss": "margin"},
    "joint": "steps",
    "joint_weight": 0.5,
}
AS_SHIPPED: Mapping[str, Any] = {
    "recommendation": {"loss": "softmax", "negatives": 64},
    "completion": {"loss": "softmax", "negatives": 64},
}


class Stopwatch(Silent):
    """Watches a run and notes when each step of its epoch ended; the epoch's own seconds hold its warm-up too."""

    def __init__(self) -> None:
        self._ends: list[tuple[float, float]] = []

    def step(self, epoch: int, done: int, of: int) -> None:
        """Note the time."""
        self._ends.append((time.perf_counter(), time.process_time()))

    def time_of(self, steps: Sequence[int], amount: float) -> Measurement:
        """Add up the given steps, counted from 0; the first steps of the epoch are its warm-up and are left out."""
        counted = [k for k in steps if k >= 2 * WARM_UP]
        seconds, cpu_seconds = (sum(self._ends[k][i] - self._ends[k - 1][i] for k in counted) for i in (0, 1))
        return {"amount": amount * len(counted), "seconds": seconds, "cpu_seconds": cpu_seconds}


class Side:
    """Our trainer and our evaluation on a data set."""

    def __init__(self, dataset: IndexedDataset, settings: Settings, folder: Path) -> None:
        self.dataset, self.settings, self.folder = dataset, settings, folder
        self.random = np.random.default_rng(0)

    def trained(self, model: Mapping[str, Any], options: Mapping[str, Any], batches: int) -> tuple[Any, Stopwatch]:
        """Train one epoch of that many full batches of the first task; nothing is validated."""
        size = self.settings.batch_size
        completion = {**options["completion"], "batch_size": size}
        values = {
            **options,
            "model": {**model, "embedding_size": self.settings.embedding_size},
            "completion": completion,
            "epochs": 1,
            "batch_size": size,
            "validation": {"metric": "hits" if model["name"] == "transh" else "f1"},
        }
        run, watch = self.folder / f"run-{len(list(self.folder.iterdir()))}", Stopwatch()
        result = train(parse_config(values, "benchmark"), self._cut(batches * size, model), run, CPU, watch)
        return load_checkpoint(result.checkpoint).model, watch

    def _cut(self, rows: int, model: Mapping[str, Any]) -> IndexedDataset:
        """Give the data with at most that many training rows of the first task, and no validation rows."""
        data = self.dataset
        pairs, triples = dict(data.interactions), dict(data.triples)
        first = triples if model["name"] == "transh" else pairs
        first["train"] = self.random.permutation(first["train"])[:rows]
        pairs["valid"], triples["valid"] = pairs["valid"][:0], triples["valid"][:0]
        return replace(data, interactions=pairs, triples=triples)

    def full_batches(self, rows: int) -> int:
        """Give how many full batches to train on: the warm-up and as many as are timed, if there are as many rows."""
        return min(2 * WARM_UP + self.settings.batches, rows // self.settings.batch_size)

    def ranking_users(self, model: Any) -> Measurement:
        """Time the ranking of all items for all test users, with their metrics; the amount is the users."""

        def work() -> float:
            return len(evaluate_recommendation(model, self.dataset, "test", STRICT, 10, CPU).users)

        return timed(work)

    def ranking_triples(self, model: Any) -> Measurement:
        """Time the ranking of test triples, both sides, without what it costs once; the amount is the triples."""
        known = np.concatenate(list(self.dataset.triples.values()))
        shuffled = self.random.permutation(self.dataset.triples["test"])

        def work(some: Any) -> float:
            return len(evaluate_completion(model, some, known, CPU).triples)

        few, many = self.settings.triples, OUR_SHARE * self.settings.triples
        work(shuffled[:few])
        return between(timed(lambda: work(shuffled[:few])), timed(lambda: work(shuffled[:many])))


def measure(side: Side) -> dict[str, Measurement]:
    """Measure all that the peers measure."""
    found, size = dict[str, Measurement](), side.settings.batch_size
    batches = side.full_batches(len(side.dataset.interactions["train"]))
    model, watch = side.trained({"name": "bprmf"}, LIKE_FOR_LIKE, batches)
    found["bprmf rows"] = watch.time_of(range(batches), size)
    found["bprmf ranking"] = side.ranking_users(model)
    model, watch = side.trained(KTUP, LIKE_FOR_LIKE, batches)
    order = turns(batches, 0.5)
    found["ktup rows"] = watch.time_of([k for k, interactions in enumerate(order) if interactions], size)
    found["ktup triples"] = watch.time_of([k for k, interactions in enumerate(order) if not interactions], size)
    found["ktup ranking"] = side.ranking_users(model)
    _, watch = side.trained(KTUP, AS_SHIPPED, batches)
    found["ktup as shipped"] = watch.time_of(range(batches), size)
    batches = side.full_batches(len(side.dataset.triples["train"]))
    model, watch = side.trained({"name": "transh", "norm": "l2"}, LIKE_FOR_LIKE, batches)
    found["transh triples"] = watch.time_of(range(batches), size)
    found["transh ranking"] = side.ranking_triples(model)
    return found


def main() -> None:
    """Measure the data set of the first argument by the task in this folder, and print."""
    task = json.loads(Path("task.json").read_text(encoding="utf-8"))
    settings = Settings(**{name: task[name] for name in Settings.__dataclass_fields__})
    torch.set_num_threads(settings.threads)
    dataset = IndexedDataset.of(Dataset.load(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Side(dataset, settings, Path(folder)))))


if __name__ == "__main__":
    main()
