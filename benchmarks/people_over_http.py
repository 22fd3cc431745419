"""People over HTTP, one client and one server: sessions folded in, known users who did something new, and why-not.

Each call is a new question, so none is answered from the cache. Every change that why-not proposes is applied through
the API, and the item looked for in the list that follows: steering by PUT of the preference, added items by
POST /recommendations.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import numpy as np
import polars as pl
import typer

from benchmarks.machine import describe_machine
from benchmarks.servers import Server, run, serving

TOP_N = 10
_NO_LIMIT = "100000000/second"


class Client:
    """Asks the server, and notes the wall time and the server's CPU time of each call."""

    def __init__(self, server: Server) -> None:
        self._http, self._server = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60), server
        self.wall: list[float] = []
        self._cpu = server.cpu_seconds()

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Call; RuntimeError where the answer is no 2xx."""
        began = time.perf_counter()
        answer = self._http.request(method, path, **more)
        self.wall.append((time.perf_counter() - began) * 1_000)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.text}")
        return answer.json()

    def take(self) -> dict[str, float]:
        """Sum up the calls since the last time: milliseconds, CPU as the mean of all."""
        cpu = self._server.cpu_seconds()
        if not self.wall:
            self._cpu = cpu
            return {"calls": 0}
        wall, mean = np.array(self.wall), (cpu - self._cpu) * 1_000 / len(self.wall)
        self.wall, self._cpu = [], cpu
        p50, p99 = np.percentile(wall, [50, 99]).round(2).tolist()
        return {"calls": len(wall), "wall_ms_p50": p50, "wall_ms_p99": p99, "server_cpu_ms_mean": round(mean, 2)}


def measure_sessions(client: Client, histories: list[list[str]]) -> dict[str, Any]:
    """Fold sessions in; the last parts of the histories stand for themselves."""
    client.take()
    for items in histories:
        found = client.ask("POST", "/recommendations", json={"items": items, "limit": TOP_N})
        assert found["strategy"] == "fold_in"
    sizes = [len(items) for items in histories]
    return {"liked_items": [min(sizes), int(np.median(sizes)), max(sizes)], **client.take()}


def measure_new_events(client: Client, people: dict[str, str]) -> dict[str, Any]:
    """Let each user like one item, and ask for the list before and after."""
    client.take()
    before = {user: client.ask("GET", f"/users/{user}/recommendations") for user in people}
    as_trained = client.take()
    for n, (user, item) in enumerate(people.items()):
        event = {"event_id": f"bench {n}", "user_id": user, "item_id": item, "type": "like"}
        client.ask("POST", "/events", json=[event])
    client.take()
    moved = sum(
        client.ask("GET", f"/users/{user}/recommendations")["items"] != before[user]["items"] for user in people
    )
    return {"as_trained": as_trained, "moved": client.take(), "lists_that_changed": moved}


def measure_why_not(client: Client, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Ask why not for each pair, apply what is proposed, and look for the item."""
    counts = {"in_list": 0, "steer": 0, "add": 0, "none_found": 0, "proposed_and_right": 0, "answers_that_hold": 0}
    client.take()
    asked = [
        client.ask("GET", f"/users/{quote(user, safe='')}/why-not/{quote(item, safe='')}", params={"limit": TOP_N})
        for user, item in pairs
    ]
    times = client.take()
    for (user, item), found in zip(pairs, asked, strict=True):
        listed = item in _ids(client.ask("GET", f"/users/{user}/recommendations", params={"limit": TOP_N}))
        change = found["change"]
        if change is None:
            counts["in_list" if found["rank"] <= TOP_N else "none_found"] += 1
            counts["answers_that_hold"] += listed == (found["rank"] <= TOP_N)
            continue
        counts[change["kind"]] += 1
        right = not listed and item in _ids(_after(client, user, change))
        counts["proposed_and_right"] += right
        counts["answers_that_hold"] += right
    return {"pairs": len(pairs), **counts, "why_not": times}


def _after(client: Client, user: str, change: dict[str, Any]) -> Any:
    """Apply a change, ask for the list, and take the change back."""
    if change["kind"] == "add":
        return client.ask("POST", "/recommendations", json={"user_id": user, "items": change["items"], "limit": TOP_N})
    # Ids may hold slashes.
    path = f"/users/{user}/preferences/{quote(change['relation_id'], safe='')}"
    client.ask("PUT", path, json={"multiplier": change["multiplier"]})
    found = client.ask("GET", f"/users/{user}/recommendations", params={"limit": TOP_N})
    client.ask("DELETE", path)
    return found


def _ids(found: Any) -> list[str]:
    return [item["item_id"] for item in found["items"]]


def draw_pairs(
    client: Client, users: list[str], items: list[str], met: dict[str, set[str]]
) -> Iterator[tuple[str, str]]:
    """Draw for each user an item: in turn one at rank 11 to 100, and any that they have not met."""
    chance = np.random.default_rng(0)
    for n, user in enumerate(users):
        if n % 2 == 0:
            listed = _ids(client.ask("GET", f"/users/{user}/recommendations", params={"limit": 100}))
            yield user, listed[int(chance.integers(10, len(listed)))]
        else:
            open_ = [item for item in items if item not in met[user]]
            yield user, open_[int(chance.integers(len(open_)))]


def main(
    data: Annotated[Path, typer.Option(help="The data set directory that the release was made of.")],
    releases: Annotated[Path, typer.Option(help="A folder of releases.")],
    release: Annotated[str, typer.Option(help="One of them.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    n: Annotated[int, typer.Option(help="Sessions, users and pairs of each part.")] = 200,
) -> None:
    """Measure on SQLite with the cache in process."""
    rows = pl.read_parquet(data / "interactions.parquet").filter(pl.col("split") != "test")
    met = {str(user): list(part["item_id"]) for (user,), part in rows.group_by("user_id", maintain_order=True)}
    drawn = np.random.default_rng(0).permutation(sorted(met))[: 3 * n].tolist()
    items = pl.read_parquet(data / "items.parquet")["item_id"].to_list()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "KTUP_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/ktup.db",
            "KTUP_RELEASES_DIR": str(releases.absolute()),
            "KTUP_RATE_LIMIT": _NO_LIMIT,
        }
        run("-m", "app", "migrate", environment=environment)
        run("-m", "app", "import", str(data.absolute()), "--splits", "train,valid", environment=environment)
        run("-m", "app", "activate", release, environment=environment)
        with serving(["-m", "app", "serve"], "/health/ready", environment, None, Path(folder) / "log") as server:
            client = Client(server)
            load = os.getloadavg()[0]
            # Once each, so that what is made at the first call is not measured.
            client.ask("POST", "/recommendations", json={"items": met[drawn[-1]]})
            sessions = measure_sessions(client, [met[user][-500:] for user in drawn[:n]])
            others = {user: next(i for i in items if i not in met[user]) for user in drawn[n : 2 * n]}
            events = measure_new_events(client, others)
            pairs = list(draw_pairs(client, drawn[2 * n :], items, {u: set(i) for u, i in met.items()}))
            why_not = measure_why_not(client, pairs)
    result = {
        "data": data.name,
        "model": json.loads((releases / release / "manifest.json").read_text(encoding="utf-8"))["model"],
        "items": len(items),
        "database": "SQLite, cache in process, one server process, one client",
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
        "machine": describe_machine(1, ["torch", "fastapi", "uvicorn"]),
        "command": f"python -m benchmarks.people_over_http --data {data.name} --release {release} --n {n}",
        "sessions": sessions,
        "new_events": events,
        "why_not": why_not,
    }
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    typer.echo(json.dumps({name: result[name] for name in ("load", "sessions", "new_events", "why_not")}, indent=2))


if __name__ == "__main__":
    typer.run(main)
