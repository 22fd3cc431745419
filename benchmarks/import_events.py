"""How fast many events are imported, and in how much memory: `python -m app import-events` as a process of its own.

The events are those of a data set's interactions, repeated under new ids with later times where it has fewer. The same
file is then imported again: every event was there, and nothing is stored a second time.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import anyio
import asyncpg
import polars as pl
import typer

from benchmarks.machine import describe_machine
from benchmarks.servers import ROOT, run

_TICKS = os.sysconf("SC_CLK_TCK")
_BEGAN = 1_700_000_000


def write_events(interactions: pl.DataFrame, n: int, path: Path) -> None:
    """Write n events as CSV, in the order of the rows, one second after another."""
    pairs = cycle(interactions.select("user_id", "item_id").iter_rows())
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["event_id", "user_id", "item_id", "type", "ts"])
        lines.writerows([f"e{k}", user, item, "view", _BEGAN + k] for k, (user, item) in enumerate(islice(pairs, n)))


def imported(file: Path, environment: Mapping[str, str], server: int) -> dict[str, Any]:
    """Run the import; CPU seconds of the importer and of the database `server` (its process id), wall, peak memory."""
    values = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")} | dict(environment)
    before, began = _cpu_seconds(server), time.perf_counter()
    command = [sys.executable, "-m", "app", "import-events", str(file)]
    process = subprocess.Popen(command, cwd=ROOT, env=values, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    peak = 0
    # Not by `ru_maxrss`, which begins with what its parent held.
    ended, status, used = os.wait4(process.pid, os.WNOHANG)
    while not ended:
        peak = max(peak, _peak_kib(process.pid))
        time.sleep(0.1)
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
    assert process.stdout is not None
    said = process.stdout.read().decode()
    if status != 0:
        raise RuntimeError(f"the import failed: {said}")
    return {
        "wall_seconds": round(time.perf_counter() - began, 2),
        "importer_cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "database_cpu_seconds": round(_cpu_seconds(server) - before, 2),
        "importer_peak_mib": round(peak / 1024, 1),
        "said": said.strip().rsplit(";", 1)[0],
    }


def _peak_kib(pid: int) -> int:
    """Most memory that a process has held so far; 0 once it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _cpu_seconds(pid: int) -> float:
    """CPU time of a process, and of those of its children that have ended: a connection is one."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


async def _ask(url: str, statement: str) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval(statement))
    finally:
        await connection.close()


async def _put_items(url: str, items: list[str]) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.executemany("INSERT INTO items (tenant_id, item_id) VALUES (1, $1)", [(i,) for i in items])
    finally:
        await connection.close()


def main(
    data: Annotated[Path, typer.Option(help="A data set directory.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    events: Annotated[int, typer.Option(help="Events of the file.")] = 1_000_000,
) -> None:
    """Import events into PostgreSQL, twice."""
    from pgserver import get_server  # type: ignore[attr-defined]

    interactions = pl.read_parquet(data / "interactions.parquet")
    with tempfile.TemporaryDirectory(prefix="ev") as folder:
        file, home = Path(folder) / "events.csv", Path(folder) / "data"
        write_events(interactions, events, file)
        Path(folder).chmod(0o755)
        server = get_server(str(home))
        url = f"postgresql+asyncpg://postgres@/postgres?host={home}"
        environment = {"KTUP_DATABASE_URL": url}
        run("-m", "app", "migrate", environment=environment)
        anyio.run(_put_items, url, pl.read_parquet(data / "items.parquet")["item_id"].to_list())
        pid, load = int((home / "postmaster.pid").read_text().split()[0]), os.getloadavg()[0]
        passes = []
        for name in ("first", "again"):
            found = imported(file, environment, pid)
            found["rows_per_second"] = round(events / found["wall_seconds"])
            cpu = found["importer_cpu_seconds"] + found["database_cpu_seconds"]
            found["rows_per_cpu_second"] = round(events / cpu)
            found["stored_after"] = anyio.run(_ask, url, "SELECT count(*) FROM events")
            passes.append({"pass": name, **found})
        version = anyio.run(_ask, url, "SELECT current_setting('server_version_num')::int")
        server.cleanup()
        file_mib = round(file.stat().st_size / 2**20, 1)
    result = {
        "events": events,
        "file_mib": file_mib,
        "histories": interactions.select("user_id", "item_id").unique().height,
        "database": f"PostgreSQL {version // 10_000}, on the same machine, its files flushed as by default",
        "load_before": round(load, 2),
        "machine": describe_machine(1, ["asyncpg", "sqlalchemy", "polars"]),
        "command": f"python -m benchmarks.import_events --data {data.name} --events {events}",
        "passes": passes,
    }
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    typer.echo(json.dumps(passes, indent=2))


if __name__ == "__main__":
    typer.run(main)
