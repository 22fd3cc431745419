"""Top-10 retrieval from thousands to millions of items: time, recall, memory and build time of each index, one thread.

    python -m benchmarks.retrieval --checkpoint CHECKPOINT_DIR --sizes 3000 30000 300000 1000000

Items are drawn to be shaped like trained ones (benchmarks/shaped.py); users, preferences and normals are the trained
ones. A query is one user; the truth is the exact scan. Time is the thread's own processor time beside wall time, so
that a busy machine shows.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from benchmarks.machine import describe_run
from benchmarks.retrieval_plot import plot
from benchmarks.shaped import Shape, model_of
from models.checkpoint import load_checkpoint
from models.geometry import project
from models.retrieval.exhaustive import ItemScan
from models.retrieval.items import Users
from models.retrieval.nominations import IndexShape, Nominations, Nominator
from models.retrieval.search import Ranking, Searcher
from models.retrieval.stored import build_index

TOP_N, RECALL_TARGET, LEAST = 10, 0.995, 1_000
"""RECALL_TARGET is asked of the users who choose the effort, so that others find 0.99."""
SCANS = 20
"""Users for whom single scans are timed, the slowest of all."""
Searched = Callable[[int], NDArray[np.int64]]


@dataclass(frozen=True)
class Row:
    """One index at one size. Times are in milliseconds of one query; `looked_at` is null where nothing is chosen."""

    items: int
    strategy: str
    norm: str
    index: str
    looked_at: int | None
    recall: float
    p50_cpu_ms: float
    p99_cpu_ms: float
    p50_wall_ms: float
    build_cpu_seconds: float
    megabytes: float


class SharedGraph:
    """The alternative that was not taken: one HNSW graph over the plain items, asked at each preference's target.

    Under preference k the nearest are those near x_k(u) + p_k, but for the part along the normal; the rest is left to
    re-scoring. M = 16, efConstruction 80; `least` is efSearch, and how many are named for each preference.
    """

    def __init__(self, model: Any) -> None:
        items = model.item_vectors().detach().float().numpy()
        self.shape, self.graph = IndexShape.of(model, "items"), faiss.IndexHNSWFlat(items.shape[1], 16)
        self.graph.hnsw.efConstruction = 80
        self.graph.add(items)

    def n_bytes(self) -> int:
        """Give its size, items included."""
        return len(faiss.serialize_index(self.graph))

    def proves(self, strategy: str) -> bool:
        """Nothing."""
        return False

    def nominate(self, users: Users, m: int, least: int, excluded: Any) -> Nominations:
        """Name the nearest to each target."""
        space = users.space
        self.graph.hnsw.efSearch = least
        targets = project(users.vectors[:1], space.normals) + space.preferences
        rows = self.graph.search(targets.numpy(), least)[1].reshape(1, -1)
        return Nominations(rows, np.zeros(1))


def timed(search: Searched, users: Sequence[int]) -> tuple[list[NDArray[np.int64]], dict[str, float]]:
    """Answer each user once, after a warm-up; give the lists and the times."""
    for user in users[:3]:
        search(user)
    found, cpu, wall = [], [], []
    for user in users:
        seconds, cpu_seconds = time.perf_counter(), time.thread_time()
        found.append(search(user))
        cpu.append(1e3 * (time.thread_time() - cpu_seconds))
        wall.append(1e3 * (time.perf_counter() - seconds))
    p50, p99 = np.quantile(cpu, [0.5, 0.99])
    return found, {"p50_cpu_ms": float(p50), "p99_cpu_ms": float(p99), "p50_wall_ms": float(np.median(wall))}


def recall_of(found: Sequence[NDArray[np.int64]], true: Sequence[NDArray[np.int64]]) -> float:
    """Give the mean share of each true list that was found.

    >>> recall_of([np.array([1, 2])], [np.array([2, 3])])
    0.5
    """
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, true, strict=True)]))


class Measured:
    """One model at one size; each index is held against the same exact lists."""

    def __init__(
        self, model: Any, users: NDArray[np.int64], chosen: NDArray[np.int64], say: Callable[[str], None]
    ) -> None:
        self.model, self.users, self.chosen, self.say = model, users.tolist(), chosen.tolist(), say
        self.rows: list[Row] = []
        began = time.process_time()
        scan = ItemScan.build(model, "items")
        seconds, searcher = time.process_time() - began, Searcher(model, scan, 0)
        self.true, self.chosen_true = (
            [found.rows for found in self.all_of(searcher, some)] for some in (users, chosen)
        )
        _, times = timed(self.searched(scan, 0), self.users[:SCANS])
        self.add("scan", None, 1.0, times, seconds, table_bytes(scan.table))

    def all_of(self, searcher: Searcher, users: NDArray[np.int64]) -> list[Ranking]:
        """Search for all users at once."""
        return searcher.search_many(users, TOP_N, [np.empty(0, np.int64)] * len(users))

    def searched(self, index: Nominator, looked_at: int) -> Searched:
        """Give a function from a user row to the best ten item rows."""
        searcher, nothing = Searcher(self.model, index, looked_at), np.empty(0, np.int64)
        return lambda user: searcher.search(user, TOP_N, nothing).rows

    def add(
        self, name: str, looked_at: int | None, recall: float, times: dict[str, float], seconds: float, size: int
    ) -> None:
        """Keep a row, and say it."""
        c = self.model.config
        self.rows.append(
            Row(
                self.model.n_items,
                c.strategy,
                c.norm,
                name,
                looked_at,
                recall,
                **times,
                build_cpu_seconds=seconds,
                megabytes=size / 1e6,
            )
        )
        self.say(json.dumps(asdict(self.rows[-1])))

    def measure(self, name: str, build: Callable[[], Any], least: int, size_of: Callable[[Any], int]) -> None:
        """Build an index, choose how much it looks at on users set apart, and measure it on the others.

        It never looks at more than a quarter of the items: a scan is as cheap then, and the row says what was missed.
        """
        began = time.process_time()
        index = build()
        seconds, looked_at = time.process_time() - began, least
        most = max(least, self.model.n_items // 4)
        while not index.proves(self.model.config.strategy) and looked_at < most:
            search = self.searched(index, looked_at)
            if recall_of([search(user) for user in self.chosen], self.chosen_true) >= RECALL_TARGET:
                break
            looked_at = min(most, round(1.25 * looked_at))
        found, times = timed(self.searched(index, looked_at), self.users)
        self.add(name, looked_at, recall_of(found, self.true), times, seconds, size_of(index))


def table_bytes(table: Any) -> int:
    """Give the bytes of an item table."""
    return sum(part.numel() * part.element_size() for part in table.tensors().values())


def cells_bytes(index: Any) -> int:
    """Give the bytes of cells: items, centres, order and its inverse."""
    return table_bytes(index.table) + table_bytes(index.centres) + 8 * len(index.order)


def measure_model(model: Any, arguments: argparse.Namespace, say: Callable[[str], None]) -> list[Row]:
    """Measure every index that is asked for over the items of one model."""
    n, numbers = model.n_items, model.config.embedding_size * model.n_preferences
    picked = np.random.default_rng(arguments.seed).permutation(model.n_users)
    chosen, users = picked[: arguments.users], picked[arguments.users : 2 * arguments.users]
    measured = Measured(model, users, chosen, say)
    measured.measure("cells", lambda: cells_of(model), LEAST, cells_bytes)
    if n <= arguments.flat_up_to:
        flat = "flat for each preference"
        measured.measure(flat, lambda: build_index(model, "items", "flat"), 4 * TOP_N, lambda _: 4 * n * numbers)
    if n <= arguments.graph_up_to:
        measured.measure("shared graph", lambda: SharedGraph(model), 4 * TOP_N, SharedGraph.n_bytes)
    return measured.rows


def cells_of(model: Any) -> Any:
    """Sort the items of a model into cells, with a bar where somebody looks on."""
    with Progress(disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"{model.n_items:,} items into cells", total=model.n_items)
        return build_index(model, "items", "cells", lambda done, _: progress.update(task, completed=done))


def say(line: str) -> None:
    """Print at once, also into a file."""
    print(line, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retrieval", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="a trained KTUP, for the shape of its vectors")
    parser.add_argument("--sizes", type=int, nargs="+", default=[3_000, 30_000, 300_000, 1_000_000])
    parser.add_argument("--variants", nargs="+", default=["soft-l2"], help="strategy and norm, such as soft-l2 hard-l2")
    parser.add_argument("--embedding-size", type=int, default=100)
    parser.add_argument("--users", type=int, default=100, help="to measure on; as many more choose the effort")
    parser.add_argument("--flat-up-to", type=int, default=30_000, help="items up to which flat indexes are measured")
    parser.add_argument("--graph-up-to", type=int, default=30_000, help="items up to which the graph is measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/retrieval"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> Path:
    """Measure, write the figures and their plot after each size; returns the path of the figures."""
    values = parse(arguments)
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    shape = Shape.of(load_checkpoint(values.checkpoint).model, values.embedding_size)
    result: dict[str, Any] = {
        **describe_run(
            "retrieval",
            arguments,
            {"CHECKPOINT_DIR": values.checkpoint, "OUT": values.out},
            ["torch", "numpy", "faiss-cpu"],
        ),
        "shape": shape.described(),
        "top_n": TOP_N,
        "recall_target": RECALL_TARGET,
        "users": values.users,
        "rows": [],
    }
    path: Path = values.out / "retrieval.json"
    values.out.mkdir(parents=True, exist_ok=True)
    for n, variant in product(values.sizes, values.variants):
        strategy, norm = variant.split("-")
        rows = measure_model(model_of(shape, n, strategy, norm, values.seed), values, say)
        result["rows"] += [asdict(row) for row in rows]
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        plot(result, values.out)
    return path


if __name__ == "__main__":
    main()
