"""What a process holds of the interactions when it trains alone, beside another one, and with data in shards.

A catalogue made here, of many interactions and short vectors: nothing is to be learnt, but what is read weighs.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from training.data.dataset import Dataset, SplitMethod
from training.data.schema import TABLES

USERS, ITEMS, VALIDATED = 200_000, 50_000, 200
SETTINGS = (
    'model={"name": "bprmf", "embedding_size": 8}',
    'recommendation={"loss": "bpr"}',
    *("epochs=1", "batch_size=65536", "validation.metric=f1"),
)
SHARDED = ("--set", "data_shards=4")
KINDS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "one process": (1, ()),
    "two processes": (2, ()),
    "two processes, data in shards": (2, SHARDED),
    "four processes, data in shards": (4, SHARDED),
}


def make(folder: Path, rows: int) -> None:
    """Write a data set of so many distinct pairs drawn at random, in no order; the last of them are for validation."""
    random = np.random.default_rng(0)
    keys = random.permutation(np.unique(random.integers(USERS * ITEMS, size=rows + rows // 100)))[:rows]
    users, items = (pl.Series(values, dtype=pl.String) for values in (_ids("u", USERS), _ids("i", ITEMS)))
    splits = np.repeat(["train", "valid"], [len(keys) - VALIDATED, VALIDATED])
    empty = {name: schema.to_frame() for name, schema in TABLES.items()}
    interactions = pl.DataFrame(
        {
            "user_id": users[keys // ITEMS],
            "item_id": items[keys % ITEMS],
            "value": None,
            "timestamp": None,
            "split": splits,
        },
        schema=TABLES["interactions"],
    )
    given = {
        "users": pl.DataFrame({"user_id": users}),
        "items": pl.DataFrame({"item_id": items, "title": None}, schema=TABLES["items"]),
        "interactions": interactions,
    }
    split = {name: SplitMethod(method="random", seed=0) for name in ("interactions", "triples")}
    Dataset.of("many", {**empty, **given}, source_format="made", split=split).save(folder)


def _ids(letter: str, n: int) -> list[str]:
    return [f"{letter}{k}" for k in range(n)]


def measure(rows: int, say: Callable[[str], None], settings: tuple[str, ...] = SETTINGS) -> list[dict[str, Any]]:
    """Run every kind once, an epoch of `rows` interactions, and give a row for each; memory is in MiB, by rank.

    That before the data is read is taken off: `read` is the most until training begins, `steps` the most at a step.
    """
    found = list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "data", rows)
        for kind, (processes, more) in KINDS.items():
            say(f"{rows} interactions: {kind}")
            run = Path(folder) / kind.replace(" ", "-")
            launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
            arguments = [
                "--data",
                str(Path(folder) / "data"),
                *(word for s in settings for word in ("--set", s)),
                *more,
            ]
            command = [sys.executable, *launcher, "-m", "benchmarks.distributed_side", str(run), *arguments]
            load = os.getloadavg()[0]
            subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
            ranks = [json.loads(Path(f"{run}-rank-{k}.json").read_text("utf-8")) for k in range(processes)]
            found.append({**_row(kind, ranks), "load_at_start": round(load, 1)})
    return found


def _row(kind: str, ranks: list[dict[str, Any]]) -> dict[str, Any]:
    record = ranks[0]["history"][0]
    return {
        "kind": kind,
        "training_rows_by_rank": [rank["rows"] for rank in ranks],
        **{
            f"mib_{name}_by_rank": [rank[f"mib_{key}"] - rank["mib_started"] for rank in ranks]
            for name, key in {"read": "before", "steps": "at_steps", "at_most": "at_most"}.items()
        },
        "cpu_seconds_by_rank": [round(rank["cpu_seconds_in_all"], 1) for rank in ranks],
        "bytes_a_step": round(record.get("bytes_a_step", 0)),
        "loss": record["recommendation_loss"],
        "valid_ndcg": record["valid"]["ndcg"],
    }
