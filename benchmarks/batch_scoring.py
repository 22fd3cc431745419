"""How many users `score-users` scores in a second: in its own process, and by 1 and 2 workers of Ray Data.

    python -m benchmarks.batch_scoring --data DATASET --releases FOLDER --release ID --out FILE

The data set is imported into a SQLite file of its own. Rounds go through all variants, so that a busy machine slows
each of them alike; a run is killed when its time is over, and what it made until then counts. `steady` users a second
leave out what came before each worker had finished its first chunk; `seconds_to_first` is that start.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import polars as pl
import typer

from app.lists.folder import LISTS
from benchmarks.machine import describe_machine

WORKERS = (0, 1, 2)
REASONS = ("none", "summary")


def main(
    data: Annotated[Path, typer.Option(help="A data set directory.")],
    releases: Annotated[Path, typer.Option(help="The folder of releases.")],
    release: Annotated[str, typer.Option(help="Its id.")],
    out: Annotated[Path, typer.Option(help="The result file.")],
    rounds: Annotated[int, typer.Option(help="Rounds through all variants.")] = 2,
    seconds: Annotated[float, typer.Option(help="Longest time of one run.")] = 120.0,
    chunk_users: Annotated[int, typer.Option(help="Users of a chunk.")] = 250,
) -> None:
    """Measure, and write what was found."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = os.environ | {
            "KTUP_DATABASE_URL": f"sqlite:///{home / 'ktup.db'}",
            "KTUP_RELEASES_DIR": str(releases.absolute()),
            "OMP_NUM_THREADS": "1",
        }
        for command in (["migrate"], ["import", str(data), "--splits", "train,valid"], ["activate", release]):
            _run(command, environment)
        for turn in range(rounds):
            for explain in REASONS:
                for workers in WORKERS:
                    target = home / f"{explain}-{workers}-{turn}"
                    row = _score(target, environment, explain, workers, chunk_users, seconds)
                    print(row, flush=True)
                    rows.append(row)
    _write(out, rows, release, chunk_users)


def _run(command: list[str], environment: dict[str, str], seconds: float | None = None) -> None:
    """Run a command, and kill it when its time is over."""
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            [sys.executable, "-m", "app", *command],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}")


def _score(
    folder: Path, environment: dict[str, str], explain: str, workers: int, chunk_users: int, seconds: float
) -> dict[str, Any]:
    options = ["--explain", explain, "--workers", str(workers), "--chunk-users", str(chunk_users)]
    load, began = os.getloadavg()[0], time.time()
    _run(["score-users", str(folder), *options], environment, seconds)
    chunks = sorted(folder.glob("chunk=*"), key=lambda path: path.stat().st_mtime)
    users = [pl.read_parquet(path / LISTS)["user_id"].n_unique() for path in chunks]
    first = max(1, workers) - 1
    row = {"explain": explain, "workers": workers, "users": sum(users), "load_before": round(load, 1)}
    if len(chunks) < first + 2:
        return row | {"steady": None}
    between = chunks[-1].stat().st_mtime - chunks[first].stat().st_mtime
    return row | {
        "seconds": round(chunks[-1].stat().st_mtime - began, 1),
        "seconds_to_first": round(chunks[first].stat().st_mtime - began, 1),
        "steady": round(sum(users[first + 1 :]) / between, 1),
        "bytes_per_user": round(sum(file.stat().st_size for file in folder.glob("chunk=*/*")) / sum(users)),
    }


def _write(out: Path, rows: list[dict[str, Any]], release: str, chunk_users: int) -> None:
    rates = {explain: {workers: _rate(rows, explain, workers) for workers in WORKERS} for explain in REASONS}
    result = {
        "command": " ".join(
            ["python -m benchmarks.batch_scoring", *(a for a in sys.argv[1:] if not a.startswith("/"))]
        ),
        "machine": describe_machine(1, ["torch", "ray", "polars", "pyarrow"]),
        "release": release,
        "chunk_users": chunk_users,
        "steady_users_per_second": rates,
        "two_workers_beside_one": {
            name: round(two / one, 2) for name, rate in rates.items() if (one := rate[1]) and (two := rate[2])
        },
        "rows": rows,
    }
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _rate(rows: list[dict[str, Any]], explain: str, workers: int) -> float | None:
    those = [row["steady"] for row in rows if (row["explain"], row["workers"]) == (explain, workers) and row["steady"]]
    return median(those) if those else None


if __name__ == "__main__":
    typer.run(main)
