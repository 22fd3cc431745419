"""One large box: IVF-PQ codes mapped from a file, with exact re-scoring from mapped vectors, up to millions of items.

    python -m benchmarks.scale --checkpoint CHECKPOINT_DIR --sizes 100000 1000000 3000000 10000000 --work DIR

Items are drawn to be shaped like trained ones (benchmarks/shaped.py) into a file of float64 vectors in DIR, which needs
800 bytes an item at d = 100 and is deleted afterwards. Building and searching each run in a process of their own, one
thread; while its memory is read, a second process searches the same files. The truth is an exact scan of all items.
"""

import argparse
import gc
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from app.vector_engine.loading import exact_lists as true_lists
from benchmarks.machine import describe_run
from benchmarks.memory import Memory, memory_of, peak_anonymous
from benchmarks.retrieval import recall_of, say, timed
from benchmarks.scale_plot import plot
from benchmarks.shaped import Shape, mapped_items, model_over, write_items
from models.checkpoint import load_checkpoint
from models.retrieval.ivfpq import ItemCodes
from models.retrieval.nominations import IndexShape
from models.retrieval.search import Searcher

TOP_N, RECALL_TARGET, LEAST = 10, 0.995, 40
COLD = 50
"""Queries with nothing of the files in memory at first."""
Lists = list[NDArray[np.int64]]


@dataclass(frozen=True)
class Place:
    """Where the items of one size lie, and what they are shaped like."""

    shape: Shape
    n: int
    folder: Path

    @property
    def items(self) -> Path:
        """The vectors."""
        return self.folder / "items.bin"

    @property
    def index(self) -> Path:
        """The codes."""
        return self.folder / "index"

    def model(self) -> Any:
        """Give the model over the mapped vectors; one thread from now on."""
        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)
        items = mapped_items(self.items, self.n, self.shape.preferences.shape[1])
        return model_over(self.shape, items, "soft", "l2")


@dataclass(frozen=True)
class Built:
    """What building took; megabytes are those of the files, `peak_mb` is anonymous memory beyond that at the start."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    megabytes: float


@dataclass(frozen=True)
class Searched:
    """How searching went. Times are milliseconds of one query; `before` is the memory of a process with its code."""

    looked_at: int
    recall: float
    p50_cpu_ms: float
    p99_cpu_ms: float
    p50_wall_ms: float
    p99_wall_ms: float
    before: Memory
    memory: Memory


def exact_lists(place: Place, users: NDArray[np.int64]) -> Lists:
    """Give the true first ten of each user, by a scan of all items."""
    return true_lists(place.model(), users)


def built(place: Place) -> Built:
    """Build the index and write it."""
    model = place.model()
    before, cpu, wall = memory_of().anonymous, time.process_time(), time.perf_counter()
    with peak_anonymous() as peak:
        index = ItemCodes.build(model, "items", _shown)
        place.index.mkdir()
        index.save(place.index)
    size = sum(path.stat().st_size for path in place.index.iterdir())
    return Built(time.process_time() - cpu, time.perf_counter() - wall, peak[0] - before, size / 1e6)


def searched(place: Place, chosen: NDArray[np.int64], users: NDArray[np.int64], true: tuple[Lists, Lists]) -> Searched:
    """Choose the effort on some users; measure recall on those of `users` who have true lists, and time on all."""
    model = place.model()
    gc.collect()
    before = memory_of()
    index = ItemCodes.load(place.index, IndexShape.of(model, "items"))
    nothing, looked_at = np.empty(0, np.int64), LEAST

    def search_with(effort: int) -> Callable[[int], NDArray[np.int64]]:
        searcher = Searcher(model, index, effort)
        return lambda user: searcher.search(user, TOP_N, nothing).rows

    while looked_at < place.n:
        if recall_of([search_with(looked_at)(user) for user in chosen.tolist()], true[0]) >= RECALL_TARGET:
            break
        looked_at = round(1.25 * looked_at)
    search = search_with(looked_at)
    found, _ = timed(search, users.tolist())
    walls, cpus = [], []
    for user in users.tolist():
        wall, cpu = time.perf_counter(), time.thread_time()
        search(user)
        walls.append(1e3 * (time.perf_counter() - wall))
        cpus.append(1e3 * (time.thread_time() - cpu))
    (p50, p99), (p50_wall, p99_wall) = (np.quantile(values, [0.5, 0.99]).tolist() for values in (cpus, walls))
    recall = recall_of(found[: len(true[1])], true[1])
    return Searched(looked_at, recall, p50, p99, p50_wall, p99_wall, before, memory_of())


def cold(place: Place, looked_at: int, users: NDArray[np.int64]) -> list[float]:
    """Search with nothing of the files in memory at first; returns wall milliseconds of each query, in order."""
    for path in (place.items, *place.index.iterdir()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    model, nothing, walls = place.model(), np.empty(0, np.int64), []
    searcher = Searcher(model, ItemCodes.load(place.index, IndexShape.of(model, "items")), looked_at)
    for user in users.tolist():
        began = time.perf_counter()
        searcher.search(user, TOP_N, nothing)
        walls.append(1e3 * (time.perf_counter() - began))
    return walls


def measure(place: Place, arguments: argparse.Namespace) -> dict[str, Any]:
    """Draw the items of one size, build, search and delete; each in a process of its own."""
    began = time.perf_counter()
    write_items(place.shape, place.n, place.items, arguments.seed)
    drawn = time.perf_counter() - began
    picked = np.random.default_rng(arguments.seed).permutation(len(place.shape.users))
    chosen, users = picked[: arguments.users], picked[arguments.users : arguments.users + arguments.timed]
    known = users[: arguments.users]
    lists = _apart(exact_lists, place, np.concatenate([chosen, known]))
    true = lists[: len(chosen)], lists[len(chosen) :]
    building: Built = _apart(built, place)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as two:
        # Both search the same files; the figures are those of the first, read while the second is there.
        runs = [two.submit(searched, place, chosen, users, true) for _ in range(2)]
        search, other = (run.result() for run in runs)
    walls = _apart(cold, place, search.looked_at, users[:COLD])
    say(f"{place.n:,} items drawn in {drawn:.0f} s")
    return {
        "items": place.n,
        "index": "ivfpq",
        "vectors_mb": place.items.stat().st_size / 1e6,
        "load_average": os.getloadavg()[0],
        "build": asdict(building),
        "search": asdict(search),
        "pss_of_the_other_mb": other.memory.pss,
        "cold": {"queries": len(walls), "first_wall_ms": walls[0], "p50_wall_ms": float(np.median(walls))},
    }


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a new process, so that its memory is its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as one:
        return one.submit(function, *arguments).result()


def _shown(done: int, of: int) -> None:
    if sys.stderr.isatty() or done == of:
        print(f"\r{done:,} of {of:,} items coded", end="\n" if done == of else "", file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="a trained KTUP, for the shape of its vectors")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--embedding-size", type=int, default=100)
    parser.add_argument("--users", type=int, default=50, help="to measure recall on; as many more choose the effort")
    parser.add_argument("--timed", type=int, default=300, help="users whose searches are timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=None, help="where vectors and codes lie meanwhile")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scale"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> Path:
    """Measure, write the figures and their plot after each size; returns the path of the figures."""
    values = parse(arguments)
    torch.set_num_threads(1)
    shape = Shape.of(load_checkpoint(values.checkpoint).model, values.embedding_size)
    result: dict[str, Any] = {
        **describe_run(
            "scale",
            arguments,
            {"CHECKPOINT_DIR": values.checkpoint, "OUT": values.out, "DIR": values.work},
            ["torch", "numpy", "faiss-cpu"],
        ),
        "shape": shape.described(),
        "top_n": TOP_N,
        "recall_target": RECALL_TARGET,
        "users": values.users,
        "rows": [],
    }
    path: Path = values.out / "scale.json"
    values.out.mkdir(parents=True, exist_ok=True)
    for n in values.sizes:
        with tempfile.TemporaryDirectory(dir=values.work) as folder:
            row = measure(Place(shape, n, Path(folder)), values)
        say(json.dumps(row))
        result["rows"].append(row)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        plot(result, values.out)
    return path


if __name__ == "__main__":
    main()
