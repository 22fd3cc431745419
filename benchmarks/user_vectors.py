"""What users cost a server: memory and time at its start, and of a look-up, against their number.

    python -m benchmarks.user_vectors --out FOLDER [--sizes 10000,1000000] [--work FOLDER]

For each number, a release of drawn vectors is written with users that are looked up, and loaded by a process of its own
in both ways, which then asks for users at random. `cold_us` are first look-ups, after the files left the page cache.
Ways to find a row are held against each other at the first of the sizes above 100,000: SQLite, as releases have it; a
sorted table of hashes; LMDB, where it is installed; a dictionary in memory.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.machine import describe_machine
from models.checkpoint import USERS, write_checkpoint
from models.geometry import undrawn
from models.interface import Sizes
from models.registry import build, config_from, config_values
from models.release import load_release, write_release
from models.release_users import IDS, UserVectors
from models.retrieval.exhaustive import ItemScan
from models.retrieval.roles import Roles
from models.stored_vocabulary import StoredVocabulary
from models.vocabulary import Vocabulary

EMBEDDING_SIZE, ITEMS, ASKED, COLD = 32, 1_000, 20_000, 300
IN_MEMORY_UP_TO = 1_000_000
PEOPLE = (1_000_000, 10_000_000, 100_000_000)


def user_id(k: int) -> str:
    """Name user k: not in the order of rows."""
    return f"user-{(k * 2_654_435_761) % 2**34:011d}"


def main(
    out: Annotated[Path, typer.Option(help="Where user-vectors.json and its plot go.")],
    sizes: Annotated[str, typer.Option(help="Numbers of users, comma separated.")] = "10000,100000,1000000,10000000",
    work: Annotated[Path | None, typer.Option(help="Where releases are written meanwhile.")] = None,
) -> None:
    """Measure, and write what was found."""
    rows, index, wanted = [], None, [int(size) for size in sizes.split(",")]
    for n in wanted:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            release, written = _release(Path(folder), n)
            for users in ("lookup", "memory") if n <= IN_MEMORY_UP_TO else ("lookup",):
                row = {"users": n, "way": users, **_measured(release, users, n)}
                row |= {"release_mb": _megabytes(release), "ids_mb": _megabytes(release / IDS)}
                rows.append({**row, "written_cpu_seconds": written})
                print(rows[-1], flush=True)
            if index is None and n > 100_000:
                index = _ways_to_find(Path(folder), release, n)
    looked_up = [row for row in rows if row["way"] == "lookup"]
    ids = looked_up[-1]["ids_mb"] / looked_up[-1]["users"]
    result = {
        "command": f"python -m benchmarks.user_vectors --sizes {sizes}",
        "machine": describe_machine(1, ["torch", "safetensors", "lmdb"]),
        "load": round(os.getloadavg()[0], 1),
        "embedding_size": EMBEDDING_SIZE,
        "rows": rows,
        "ways_to_find_a_row": index,
        "files_by_arithmetic_mb": {
            str(n): {"ids": round(ids * n), **{f"vectors_d{d}": round(4 * d * n / 2**20) for d in (32, 100, 300)}}
            for n in PEOPLE
        },
    }
    (out / "user-vectors.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    _plot(rows, out)


def _release(folder: Path, n: int) -> tuple[Path, float]:
    began = time.process_time()
    names = {"users": n, "items": ITEMS, "entities": ITEMS, "relations": 20}
    vocabularies = {
        kind: Vocabulary(f"{kind[0]}{k}" for k in range(size)) for kind, size in names.items() if kind != USERS
    }
    vocabularies[USERS] = Vocabulary(map(user_id, range(n)))
    config = config_from("ktup-soft", {"embedding_size": EMBEDDING_SIZE, "norm": "l2"})
    with undrawn():
        sizes = Sizes(n, ITEMS, ITEMS, 20, torch.arange(ITEMS))
        model: Any = build("ktup-soft", config, sizes, torch.Generator())
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.normal_(0.0, EMBEDDING_SIZE**-0.5, generator=generator)
    write_checkpoint(folder / "checkpoint", "ktup-soft", model, vocabularies, {})
    del model.users
    index = ItemScan.build(model.to(torch.float64), vocabularies["items"].content_hash)
    values = {"model": {"name": "ktup-soft", "config": config_values(config)}, "index": {"nominate": 20}}
    roles = Roles.of_triples(np.array([[0, 0, 1]]), 20)
    write_release(folder / "release", folder / "checkpoint", index, roles, values, users="lookup")
    return folder / "release", round(time.process_time() - began, 1)


def _measured(release: Path, users: str, n: int) -> dict[str, Any]:
    """Load a release in a process of its own."""
    for path in release.rglob("*"):
        if path.is_file():
            _forget(path)
    command = [sys.executable, "-m", "benchmarks.user_vectors", "--loaded", str(release), users, str(n)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _forget(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def _loaded(release: Path, users: UserVectors, n: int) -> None:
    """Load, look up, and print what it took: the part that runs in a process of its own."""
    torch.set_num_threads(1)
    before, began, spent = _memory(), time.perf_counter(), time.process_time()
    loaded = load_release(release, users)
    start = {"start_seconds": time.perf_counter() - began, "start_cpu_seconds": time.process_time() - spent}
    at_start, model = _memory(), loaded.checkpoint.model
    ids = loaded.checkpoint.vocabularies[USERS]
    people = [user_id(k) for k in random.Random(0).choices(range(n), k=COLD + ASKED)]
    rows: list[int] = []
    cold = _timed(lambda one: rows.append(ids.row(one)), people[:COLD])
    warm = _timed(lambda one: rows.append(ids.row(one)), people[COLD:])
    tensors = [torch.tensor([row]) for row in rows]
    of_vectors = _timed(model.user_vectors, tensors)
    lists = _timed(lambda row: loaded.searcher.search(row, 10, np.empty(0, np.int64)), rows[:200])
    after = _memory()
    taken = {f"{name}_at_start": at_start[name] - before[name] for name in before}
    later = {f"{name}_after": after[name] - before[name] for name in before}
    figures = {"cold_us": cold, "id_us": warm, "vector_us": of_vectors, "list_us": lists}
    print(json.dumps({**{k: round(v, 2) for k, v in start.items()}, **taken, **later, **figures}))


def _timed(ask: Callable[[Any], object], questions: list[Any]) -> dict[str, float]:
    times = []
    for question in questions:
        began = time.perf_counter_ns()
        ask(question)
        times.append((time.perf_counter_ns() - began) / 1_000)
    return {"p50": round(float(np.percentile(times, 50)), 1), "p99": round(float(np.percentile(times, 99)), 1)}


def _memory() -> dict[str, int]:
    """Give this process's memory in MiB: all, its share of what is shared, and what it alone holds and wrote."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:])
    kib = {line[0].rstrip(":"): int(line[1]) for line in lines}
    return {"rss_mib": kib["Rss"] // 1024, "pss_mib": kib["Pss"] // 1024, "anonymous_mib": kib["Anonymous"] // 1024}


def _megabytes(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) >> 20


def _ways_to_find(folder: Path, release: Path, n: int) -> list[dict[str, Any]]:
    """Hold ways to find the row of an id against each other; warm, in one process."""
    people = [user_id(k) for k in random.Random(1).choices(range(n), k=ASKED)]
    in_memory = Vocabulary(map(user_id, range(n)))
    ways: dict[str, tuple[Callable[[str], int | None], int]] = {
        "sqlite": (StoredVocabulary(release / IDS).get, _megabytes(release / IDS)),
        "hashes": _hashes(folder, in_memory),
        "dictionary": (in_memory.get, 0),
    }
    try:
        ways["lmdb"] = _lmdb(folder, in_memory)
    except ImportError:
        print("lmdb is not installed", file=sys.stderr)
    found = []
    for name, (get, size) in ways.items():
        assert [get(one) for one in people[:100]] == [in_memory.get(one) for one in people[:100]]
        _timed(get, people)
        found.append({"way": name, "users": n, "file_mb": size, **_timed(get, people)})
    return found


def _digest(external_id: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(external_id, digest_size=8).digest(), "little")


def _hashes(folder: Path, ids: Vocabulary) -> tuple[Callable[[str], int | None], int]:
    """A table of hashes, sorted, beside the ids themselves, which say whether it is the one."""
    encoded = [one.encode() for one in ids.ids]
    hashes = np.fromiter(map(_digest, encoded), np.uint64, len(encoded))
    order = np.argsort(hashes)
    np.save(folder / "hashes.npy", hashes[order])
    np.save(folder / "rows.npy", order)
    np.save(folder / "starts.npy", np.cumsum([0, *map(len, encoded)]))
    (folder / "ids").write_bytes(b"".join(encoded))
    table, rows, starts = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("hashes", "rows", "starts"))
    text = np.memmap(folder / "ids", mode="r")

    def get(external_id: str) -> int | None:
        wanted = external_id.encode()
        row = int(rows[min(int(np.searchsorted(table, np.uint64(_digest(wanted)))), len(rows) - 1)])
        return row if text[starts[row] : starts[row + 1]].tobytes() == wanted else None

    files = [folder / f"{name}.npy" for name in ("hashes", "rows", "starts")] + [folder / "ids"]
    return get, sum(file.stat().st_size for file in files) >> 20


def _lmdb(folder: Path, ids: Vocabulary) -> tuple[Callable[[str], int | None], int]:
    import lmdb

    path = folder / "ids.lmdb"
    with lmdb.open(str(path), map_size=2**36, subdir=False, sync=False) as made, made.begin(write=True) as writing:
        for external_id, row in sorted((one.encode(), row) for row, one in enumerate(ids.ids)):
            writing.put(external_id, row.to_bytes(8, "little"), append=True)
    stored = lmdb.open(str(path), readonly=True, subdir=False, lock=False)

    def get(external_id: str) -> int | None:
        with stored.begin() as reading:
            row = reading.get(external_id.encode())
        return None if row is None else int.from_bytes(row, "little")

    return get, _megabytes(path)


def _plot(rows: list[dict[str, Any]], folder: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(14, 4.2))
    for way in ("lookup", "memory"):
        those = [row for row in rows if row["way"] == way]
        sizes = [row["users"] for row in those]
        axes[0].plot(sizes, [row["anonymous_mib_at_start"] + 1 for row in those], marker="o", label=way)
        axes[1].plot(sizes, [row["start_cpu_seconds"] for row in those], marker="o", label=way)
        for part, style in (("p50", "-"), ("p99", ":")):
            axes[2].plot(sizes, [row["id_us"][part] for row in those], style, marker="o", label=f"{way}, {part}")
    labels = ("1 + memory of its own at the start, MiB", "processor time of the start, s", "row of an id, µs")
    for axis, label in zip(axes, labels, strict=True):
        axis.set(xscale="log", yscale="log", xlabel="users", ylabel=label)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    for suffix in ("png", "svg"):
        figure.savefig(folder / f"user-vectors.{suffix}", dpi=110, metadata={"Date": None} if suffix == "svg" else None)
    pyplot.close(figure)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--loaded"]:
        way: UserVectors = "memory" if sys.argv[3] == "memory" else "auto"
        _loaded(Path(sys.argv[2]), way, int(sys.argv[4]))
    else:
        typer.run(main)
