"""`torchrun … -m tests.training.distributed.holding_data DATA FOLDER CASE`: what of the data each process holds."""

import gc
import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.training import planted
from tests.training.distributed.several import SHARDS, settings
from training.data.indexed import IndexedDataset
from training.data.shards.reading import load_held
from training.distributed.held import KnownOfAll, ListsOfAll, held_range
from training.distributed.processes import joined_processes
from training.induction import InductionTargets
from training.objectives import ListwiseObjective, RecommendationObjective
from training.trainer import train


class Looking(planted.Quiet):
    """Counts, at the first step, the rows in every object of this process that holds interactions."""

    found: dict[str, list[int]]

    def step(self, epoch: int, done: int, of: int) -> None:
        """Look, once."""
        if hasattr(self, "found"):
            return
        gc.collect()
        self.found = {
            "train": [len(data.interactions["train"]) for data in alive(IndexedDataset)],
            "valid": [len(data.interactions["valid"]) for data in alive(IndexedDataset)],
            "rows": [len(one.rows) for one in [*alive(RecommendationObjective), *alive(ListwiseObjective)]],
            "known": [int((known.own._known[:-1] >= 0).sum()) for known in alive(KnownOfAll)],
            "lists": [len(lists.own.columns) for lists in alive(ListsOfAll)],
            "targets": [len(targets.keys) for targets in alive(InductionTargets)],
        }


def alive(kind: type) -> list[Any]:
    """Give every object of a class that this process holds."""
    return [one for one in gc.get_objects() if type(one) is kind]


def main(data: str, folder: str, case: str) -> None:
    """Train on a data set directory, as `train` does, and write by rank what was held."""
    torch.set_num_threads(1)
    with joined_processes("cpu") as processes:
        read = load_held(Path(data), SHARDS, held_range(SHARDS, processes), processes.leads)
        looking = Looking()
        train(settings(case), read, Path(folder) / "run", planted.CPU, looking, processes=processes)
        (Path(folder) / f"{processes.rank}.json").write_text(json.dumps(looking.found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
