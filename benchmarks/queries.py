"""Which query to a plain vector index names the true first ten: recall by how many items are named, found exactly.

    python -m benchmarks.queries --checkpoint CHECKPOINT_DIR

Three ways to ask, all of them exact nearest neighbours here, so that only the query is judged:

    user alone        squared L2 to u, over d numbers an item
    carried           squared L2 to u - (w.u) w + p of the mean mixture (models/retrieval/carried.py), over d numbers
    each preference   a query for each k, over d + 1 + P numbers an item: |x_k(u) + p_k - x_k(i)|^2 is, but for what
                      does not depend on i, |i|^2 - 2 i.(u + p_k + ((|w|^2 - 2) w.u - w.p) w) + (|w|^2 - 2) (w.i)^2,
                      so an inner product with (i, |i|^2, (W i)^2)

`scale` makes the preferences longer than they were trained: 3.3 takes those of a checkpoint with preference_scale 0.3
back to the unit ball.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import describe_run
from benchmarks.retrieval import say
from benchmarks.shaped import Shape, model_of
from models.checkpoint import load_checkpoint
from models.retrieval.carried import Sample
from models.retrieval.exhaustive import ItemScan
from models.retrieval.items import ItemTable, Users
from models.retrieval.search import Searcher

NAMED = (40, 100, 200, 400, 1_000, 2_000, 4_000)
VARIANTS = (("soft", "l2", 1.0), ("soft", "l2", 3.3), ("hard", "l2", 1.0), ("hard", "l2", 3.3), ("soft", "l1", 1.0))


def of_each_preference(users: Users, items: ItemTable) -> list[Tensor]:
    """Give the (B, n) inner products of each preference; the nearest are largest."""
    p, w = users.space.preferences, users.space.normals
    found = []
    for k in range(len(p)):
        size, along = w[k].square().sum(), (w[k] * p[k]).sum()
        query = users.vectors + p[k] + ((size - 2) * users.normals[:, k : k + 1] - along) * w[k]
        found.append(2 * query @ items.vectors.T - items.squares + (2 - size) * items.normals[:, k].square())
    return found


def near(vectors: Tensor, items: ItemTable) -> Tensor:
    """Give (B, n) numbers that are largest where squared L2 to the (B, d) vectors is least."""
    return 2 * vectors @ items.vectors.T - items.squares


def recalls(asked: Sequence[Tensor], true: Sequence[Any]) -> list[float]:
    """Give recall for each of NAMED, shared out evenly among the queries of a user."""
    found = []
    for named in NAMED:
        each = max(1, round(named / len(asked)))
        tops = [scores.topk(each, dim=1).indices.numpy() for scores in asked]
        shares = [
            len(np.intersect1d(np.concatenate([top[k] for top in tops]), rows)) / 10 for k, rows in enumerate(true)
        ]
        found.append(float(np.mean(shares)))
    return found


def main(arguments: Sequence[str] | None = None) -> Path:
    """Measure every variant and write the figures; returns their path."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries")
    parser.add_argument("--checkpoint", type=Path, required=True, help="a trained KTUP, for the shape of its vectors")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--embedding-size", type=int, default=100)
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scale/queries.json"))
    values = parser.parse_args(arguments)
    torch.set_num_threads(1)
    shape = Shape.of(load_checkpoint(values.checkpoint).model, values.embedding_size)
    rows = []
    for strategy, norm, scale in VARIANTS:
        model = model_of(shape, values.items, strategy, norm, values.seed)
        model.preferences = torch.nn.Parameter(scale * model.preferences.detach(), requires_grad=False)
        picked = np.random.default_rng(values.seed).permutation(model.n_users)[: values.users]
        scan, nothing = ItemScan.build(model, "items"), np.empty(0, np.int64)
        true = [found.rows for found in Searcher(model, scan, 0).search_many(picked, 10, [nothing] * len(picked))]
        users = Users.of(model, torch.from_numpy(picked))
        asked = {
            "user alone": [near(users.vectors, scan.table)],
            "carried": [near(torch.from_numpy(Sample.of(model).queries(users)), scan.table)],
            "each preference": of_each_preference(users, scan.table),
        }
        for name, scores in asked.items():
            row = {"strategy": strategy, "norm": norm, "scale": scale, "query": name, "recall": recalls(scores, true)}
            rows.append(row)
            say(json.dumps(row))
    result = {
        **describe_run(
            "queries", arguments, {"CHECKPOINT_DIR": values.checkpoint, "OUT": values.out}, ["torch", "numpy"]
        ),
        "shape": shape.described(),
        "items": values.items,
        "users": values.users,
        "named": NAMED,
        "rows": rows,
    }
    path: Path = values.out
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
