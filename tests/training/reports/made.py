"""Results made by hand: no training, numbers that a test can foresee."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.reports.results import Results
from training.suite.result import DatasetName, Machine, Metrics, RunResult, SplitMetrics, write_result
from training.suite.running import folder_of

HASH = "ab" * 32
SETTINGS = {"protocol": "paper", "epochs": 2, "validation": {"top_n": 10}}


def lists(f1: float, **others: float) -> Metrics:
    """Metrics of recommendation as shares; those not named are the F1."""
    names = ("precision", "recall", "f1", "hit", "ndcg")
    return {**{name: others.get(name, f1) for name in names}, "users": 3.0}


def facts(hits: float, mean_rank: float = 100.0, mrr: float = 0.25) -> Metrics:
    return {"hits": hits, "mean_rank": mean_rank, "mrr": mrr, "triples": 4.0}


def result(
    system: str,
    seed: int = 0,
    recommendation: Metrics | None = None,
    completion: Metrics | None = None,
    categories: Any = None,
    history: Sequence[tuple[float, float]] = (),
    **changed: Any,
) -> RunResult:
    """Make a result; `history` is F1 and hit ratio of each epoch."""
    split = SplitMetrics(recommendation=recommendation, completion=completion, completion_by_category=categories)
    records = [
        {"epoch": k, "seconds": 1.0, "valid": {"f1": f1, "hits": hits}} for k, (f1, hits) in enumerate(history, 1)
    ]
    values: dict[str, Any] = {
        "system": system,
        "seed": seed,
        "protocol": "paper",
        "preset": "tiny",
        "top_n": 10,
        "dataset": DatasetName(name="dbbook2014", content_hash=HASH),
        "settings": {**SETTINGS, "seed": seed},
        "warm_starts": (),
        "weights": "0" * 64,
        "commands": (f"python -m training train --system {system}",),
        "selected_on": "valid f1",
        "best_epoch": 1,
        "epochs_run": 2,
        "training_seconds": 12.4,
        "evaluation_seconds": 3.0,
        "threads": 1,
        "machine": Machine(platform="Linux", cpus=2, python="3.11", torch="2.13", device="cpu"),
        "valid": split,
        "test": split,
        "history": tuple(records),
    }
    return RunResult.model_validate({**values, **changed})


def results(*runs: RunResult, folder: Path = Path("suite/tiny")) -> Results:
    """Gather runs as `load_results` does."""
    systems = dict.fromkeys(run.system for run in runs)
    by_system = {name: [run for run in runs if run.system == name] for name in systems}
    return Results(folder, "tiny", runs[0].protocol, 10, by_system)


def write(suite: Path, run: RunResult, users: Mapping[str, Sequence[Any]] | None = None) -> Path:
    """Write a result where a suite has it; gives its folder."""
    folder = folder_of(suite, run.preset, run.system, run.seed)
    folder.mkdir(parents=True)
    write_result(folder, run, None if users is None else {name: np.array(values) for name, values in users.items()})
    return folder


def cells(markdown: str, row: str) -> list[str]:
    """Give the cells of the table row that begins with a name."""
    (line,) = [line for line in markdown.splitlines() if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]
