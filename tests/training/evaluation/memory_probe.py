"""`python -m tests.training.evaluation.memory_probe TASK …`: evaluate a big random model, print its peak of memory.

VmHWM is the peak of this process image; what `getrusage` gives would hold the peak of the parent, too.
"""

import re
import sys
from pathlib import Path

import numpy as np
import torch

from models.interface import Sizes
from models.registry import build, config_from
from models.retrieval.ranking import RowLists, top_n
from training.evaluation.completion import evaluate_completion

ITEMS, SIZE, PREFERENCES = 20_000, 64, 8


def recommend(users: int, strategy: str, norm: str) -> None:
    settings = {"embedding_size": SIZE, "n_preferences": PREFERENCES, "strategy": strategy, "norm": norm}
    sizes = Sizes(users, ITEMS, 0, 0, torch.full((ITEMS,), -1))
    model = build("tup", config_from("tup", settings), sizes, torch.Generator().manual_seed(0))
    seen = np.random.default_rng(0).integers([users, ITEMS], size=(50 * users, 2))
    lists = top_n(model, np.arange(users), 10, RowLists.of_pairs(seen, users))  # type: ignore[arg-type]
    assert lists.shape == (users, 10)


def complete(triples: int, norm: str, name: str = "transh") -> None:
    sizes = Sizes(0, 0, ITEMS, PREFERENCES, torch.empty(0, dtype=torch.int64))
    config = config_from(name, {"embedding_size": SIZE, "norm": norm})
    model = build(name, config, sizes, torch.Generator().manual_seed(0))
    known = np.random.default_rng(0).integers([ITEMS, PREFERENCES, ITEMS], size=(100_000, 3))
    result = evaluate_completion(model, known[:triples], known, "cpu")
    assert len(result.head_ranks) == triples


def main(task: str, count: str, *how: str) -> None:
    torch.set_num_threads(1)
    if task == "recommend":
        recommend(int(count), *how)
    else:
        complete(int(count), *how)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    sys.stdout.write(f"{int(peak[1]) / 2**20:.3f}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
