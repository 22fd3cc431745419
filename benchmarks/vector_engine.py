"""A vector engine beside an exact scan: Milvus Lite as a server of its own, asked over gRPC.

    python -m benchmarks.vector_engine --checkpoint CHECKPOINT_DIR --sizes 10000 30000 100000

Items are drawn to be shaped like trained ones (benchmarks/shaped.py). Milvus Lite speaks the protocol of Milvus and is
written in Python over FAISS: its memory and times are those of one machine, not of a cluster. Needs group `cluster`.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.vector_engine.index import EngineIndex
from app.vector_engine.loading import CHOSEN, MEASURED, bring
from app.vector_engine.milvus import Milvus
from benchmarks.machine import describe_run
from benchmarks.memory import memory_of
from benchmarks.retrieval import say
from benchmarks.shaped import Shape, model_of
from models.checkpoint import load_checkpoint
from models.retrieval.carried import Sample
from models.retrieval.nominations import IndexShape
from models.retrieval.search import Searcher

TIMED = 200


@contextmanager
def lite(folder: Path) -> Iterator[tuple[str, int]]:
    """Run Milvus Lite over a folder; gives its URL and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    program = shutil.which("milvus-lite", path=str(Path(sys.executable).parent)) or "milvus-lite"
    words = [program, "server", "--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with (folder.parent / "milvus.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.kill()
        process.wait()


def measure(shape: Shape, n: int, strategy: str, seed: int) -> dict[str, Any]:
    """Load n items, and search for TIMED users."""
    model = model_of(shape, n, strategy, "l2", seed)
    with tempfile.TemporaryDirectory() as folder, lite(Path(folder) / "milvus.db") as (url, pid):
        engine, empty = Milvus(url, None, 60.0), memory_of(pid)
        began = time.perf_counter()
        loaded = bring(model, "items", f"drawn-{n}", "drawn", engine)
        seconds = time.perf_counter() - began
        index = EngineIndex(engine, loaded.release, "drawn", Sample.of(model), IndexShape.of(model, "items"), 3.0, None)
        searcher, nothing, walls = Searcher(model, index, 0), np.empty(0, np.int64), []
        for user in np.random.default_rng(seed + 1).permutation(model.n_users)[:TIMED].tolist():
            asked = time.perf_counter()
            searcher.search(user, 10, nothing)
            walls.append(1e3 * (time.perf_counter() - asked))
        disk = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        p50, p99 = np.quantile(walls, [0.5, 0.99]).tolist()
        return {
            "items": n,
            "strategy": strategy,
            "named": loaded.nominate,
            "recall": loaded.recall,
            "load_and_measure_wall_seconds": seconds,
            "p50_wall_ms": p50,
            "p99_wall_ms": p99,
            "server_mb": asdict(memory_of(pid)),
            "empty_server_mb": asdict(empty),
            "disk_mb": disk / 1e6,
            "load_average": os.getloadavg()[0],
        }


def main(arguments: Sequence[str] | None = None) -> Path:
    """Measure each size and write the figures; returns their path."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vector_engine")
    parser.add_argument("--checkpoint", type=Path, required=True, help="a trained KTUP, for the shape of its vectors")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--strategies", nargs="+", default=["soft"])
    parser.add_argument("--embedding-size", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scale/vector-engine.json"))
    values = parser.parse_args(arguments)
    torch.set_num_threads(1)
    shape = Shape.of(load_checkpoint(values.checkpoint).model, values.embedding_size)
    result: dict[str, Any] = {
        **describe_run(
            "vector_engine",
            arguments,
            {"CHECKPOINT_DIR": values.checkpoint, "OUT": values.out},
            ["torch", "numpy", "faiss-cpu", "pymilvus", "milvus-lite"],
        ),
        "shape": shape.described(),
        "users": {"choosing": CHOSEN, "measured": MEASURED, "timed": TIMED},
        "rows": [],
    }
    path: Path = values.out
    path.parent.mkdir(parents=True, exist_ok=True)
    for strategy in values.strategies:
        for n in values.sizes:
            result["rows"].append(measure(shape, n, strategy, values.seed))
            say(json.dumps(result["rows"][-1]))
            path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
