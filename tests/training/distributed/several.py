"""`torchrun … -m tests.training.distributed.several FOLDER CASE…`: runs on the planted world, one for each case."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tests.training import planted
from tests.training.planted import KTUP
from training.config import TrainingConfig
from training.data.indexed import IndexedDataset
from training.distributed.processes import joined_processes
from training.trainer import train

TEACHING = {"induction_weight": 0.3, "necessity_weight": 0.3, "orthogonality_weight": 0.1}
PER_PAIR = {"loss": "bpr", **TEACHING}
MARGIN = {"loss": "margin", "batch_size": 33}
HARD = {**KTUP, "strategy": "hard"}
ADAM = {"learning_rate": 0.05}
LISTWISE = {"recommendation": {"loss": "listwise", **TEACHING}, "batch_size": 7}

TABLES, DATA = "+", "%"
SHARDS = 12
"""Shards of the data in cases of DATA; 2, 3 and 4 processes hold as many of them each."""

# Batches of odd sizes, a last one of a row alone (294 rows of 293 + 1), and rows that may not be compared.
CASES: Mapping[str, Mapping[str, Any]] = {
    "softmax": {"recommendation": {"negatives": 16, **TEACHING}},
    "softmax, l1, hard": {"model": {**HARD, "norm": "l1"}, "batch_size": 293},
    "bpr, hard": {"model": HARD, "recommendation": PER_PAIR, "completion": MARGIN},
    "bpr, sum of margins, steps": {
        **{"recommendation": PER_PAIR, "completion": {**MARGIN, "reduction": "sum"}},
        **{"joint": "steps", "batch_size": 293},
    },
    "listwise": {"recommendation": {"loss": "listwise", "user_balance": 0.5, **TEACHING}, "batch_size": 7},
    "listwise, hard, drawn": {
        **{"model": HARD, "batch_size": 41},
        "recommendation": {"loss": "listwise", "negatives": 8, **TEACHING},
    },
    "clipped adagrad": {"optimiser": {"name": "adagrad", "learning_rate": 0.05, "clip_norm": 0.1}},
    "decay": {"optimiser": {**ADAM, "weight_decay": 1e-3, "schedule": "cosine"}},
    "touched": {"optimiser": {**ADAM, "rows": "touched", "clip_norm": 0.5}, "batch_size": 16},
    "transr": {"model": {"name": "transr", "embedding_size": 8}, "completion": {"batch_size": 58, "negatives": 8}},
    "cke": {"model": {"name": "cke", "embedding_size": 8}},
    "cofm-reg": {"model": {"name": "cofm-reg", "embedding_size": 8}},
    "cofm-reg, listwise": {"model": {"name": "cofm-reg", "embedding_size": 8}, **LISTWISE},
    "fm": {"model": {"name": "fm", "embedding_size": 8}},
}


def settings(case: str) -> TrainingConfig:
    """Give the settings of a case, two epochs of them; a name that begins with TABLES or DATA is of that case, too."""
    values = dict(CASES[case.lstrip(TABLES + DATA)])
    shards = {"data_shards": SHARDS} if DATA in case[:2] else {}
    return planted.config(values.pop("model", KTUP), epochs=2, **values, **shards)


def data() -> IndexedDataset:
    """Give the planted world, with three facts that people called false: e0 to e2 have no genre2, genre0, genre1."""
    false = [(k, 0, planted.FILMS + (k + 2) % planted.GENRES) for k in range(3)]
    return replace(planted.indexed(), rejected=planted.rows(*false))


def main(folder: str, *cases: str) -> None:
    """Train each case: with sharded tables if TABLES stands before its name, with data in shards if DATA does."""
    torch.set_num_threads(1)
    world = data()
    with joined_processes("cpu") as processes:
        for case in cases:
            tables = TABLES in case[:2]
            train(
                settings(case), world, Path(folder) / case, planted.CPU, planted.Quiet(), False, [], processes, tables
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
