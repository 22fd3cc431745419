"""`python -m benchmarks.soak`: is every answer right and in time for minutes, while the release is swapped?

Reads, explained reads, completions and events, at half of what the server can do, as was measured just before. Every
answer is looked at: an error is one that is not 200; a mixed one differs from what its release answered to the same
question before. Latencies count from when a request was due. Everything stays on this machine.
"""

import asyncio
import csv
import json
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from benchmarks.machine import describe_machine
from benchmarks.servers import ROOT, Server, run, serving
from benchmarks.soak.driving import CONNECTIONS, drive, watch
from benchmarks.soak.report import percentiles, plot, windows
from benchmarks.soak.traffic import MIX, Requests, Seen

RELEASES = ("soak-a", "soak-b", "soak-c")
PACKAGES = ("torch", "fastapi", "uvicorn", "sqlalchemy", "redis")
SATURATION_SECONDS = 10.0


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="Length of the load.")] = 10.0,
    swaps: Annotated[int, typer.Option(min=0, help="Activations of another release meanwhile.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Server processes.")] = 1,
    share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Of the rate at saturation.")] = 0.5,
    out: Annotated[Path, typer.Option(help="Where the JSON file and the plot are written.")] = Path(
        "benchmarks/results/load"
    ),
) -> None:
    """Load the service for some minutes; exit code 1 if an answer was wrong or none."""
    home = Path(tempfile.mkdtemp(prefix="soak"))
    try:
        result = _measure(home, 60 * minutes, swaps, workers, share)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "load.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    plot(result, out / "load.svg")
    short = {name: value for name, value in result.items() if name not in ("windows", "memory_mib", "swaps", "machine")}
    print(json.dumps(short, indent=1))
    if result["errors"] or result["mixed_answers"] or result["events"]["sent"] != result["events"]["accepted"]:
        raise typer.Exit(1)


def _measure(home: Path, seconds: float, swaps: int, workers: int, share: float) -> dict[str, Any]:
    environment = {
        "KTUP_DATABASE_URL": f"sqlite+aiosqlite:///{home / 'ktup.db'}",
        "KTUP_RELEASES_DIR": str(home / "releases"),
        "KTUP_WORKERS": str(workers),
        "KTUP_ACCESS": "open",
        "KTUP_LOG_LEVEL": "warning",
        "KTUP_RATE_LIMIT": "1000000/second",
    }
    _prepare(home, environment)
    before = os.getloadavg()
    with serving(["-m", "app", "serve"], "/health/ready", environment, None, home / "log") as server:
        seen, per_second = uvloop.run(_load(server, seconds, swaps, share))
    memory = [mib for _, mib in seen.memory]
    fifth = max(1, len(memory) // 5)
    return {
        "data": "sample",
        "machine": describe_machine(1, PACKAGES),
        "load_average": {"before": before, "after": os.getloadavg()},
        "seconds": seconds,
        "connections": CONNECTIONS,
        "workers": workers,
        "mix": dict(MIX),
        "saturation_per_second": round(per_second, 1),
        "asked_per_second": round(share * per_second, 1),
        "answers": len(seen.at),
        "kinds": dict(seen.kinds),
        "errors": len(seen.errors),
        "first_errors": seen.errors[:5],
        "mixed_answers": seen.mixed,
        "lists_by_release": dict(seen.by_release),
        "events": {"sent": seen.events_sent, "accepted": seen.events_accepted},
        "swaps_done": len(seen.swaps),
        "slowest_swap_seconds": round(max((took for _, _, took in seen.swaps), default=0.0), 2),
        **percentiles(seen),
        "memory_first_fifth_mib": round(max(memory[:fifth]), 1),
        "memory_last_fifth_mib": round(max(memory[-fifth:]), 1),
        "swaps": seen.swaps,
        "windows": windows(seen),
        "memory_mib": [(round(at, 1), round(mib, 1)) for at, mib in seen.memory],
    }


def _prepare(home: Path, environment: dict[str, str]) -> None:
    """Make three releases of the sample data, and store it."""
    words = ("convert", str(ROOT / "data/sample/raw"), str(home / "data"), "--format", "tables", "--name", "sample")
    run("-m", "training", *words, environment={})
    # What they recommend is not the point, but that it differs: one epoch each, from other weights.
    for seed, name in enumerate(RELEASES):
        typer.echo(f"making release {name}")
        out, data = home / name, ("--data", str(home / "data"))
        settings = ("--set", "epochs=1", "--set", "model.embedding_size=32", "--set", f"seed={seed}", "--threads", "1")
        run("-m", "training", "train", "--preset", "sample", *data, "--out", str(out), *settings, environment={})
        made = ("--checkpoint", str(out / "checkpoint"), "--releases", str(home / "releases"), "--id", name)
        run("-m", "training", "release", *data, *made, environment={})
    run("-m", "app", "migrate", environment=environment)
    run("-m", "app", "import", str(home / "data"), environment=environment)
    run("-m", "app", "activate", RELEASES[0], environment=environment)


async def _load(server: Server, seconds: float, swaps: int, share: float) -> tuple[Seen, float]:
    requests = iter(_requests())
    warm = Seen()
    await drive(server.port, requests, SATURATION_SECONDS / 2, None, warm)
    per_second = await drive(server.port, requests, SATURATION_SECONDS, None, warm)
    typer.echo(f"saturated at {per_second:.0f} answers a second; going on at {share * per_second:.0f}")
    seen = Seen()
    rate = max(1.0, share * per_second)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(drive(server.port, requests, seconds, rate, seen))
        tasks.create_task(watch(server, seen, seconds, swaps, RELEASES))
    seen.errors += warm.errors
    return seen, per_second


def _requests() -> Requests:
    users, items = (sorted({row[name] for row in _rows("interactions")}) for name in ("user_id", "item_id"))
    facts = {(row["head"], row["relation"]) for row in _rows("triples")}
    return Requests(users, items, sorted(facts)[:500], random.Random(0))


def _rows(table: str) -> list[dict[str, str]]:
    with (ROOT / "data/sample/raw" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    typer.run(main)
