"""Figures for Prometheus: every request is counted by its route's template, and no id becomes a label."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.db.session import Database
from app.metrics import MEDIA_TYPE, Metrics
from app.routers.instrumentation import CountedRequests
from tests.app import world
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_release import MemoryStore

pytestmark = pytest.mark.anyio


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of one series by its label values, in the order of the label names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


async def figures(client: httpx.AsyncClient) -> str:
    answer = await client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE)
    return answer.text


async def test_requests_are_counted_by_template_method_and_status(client: httpx.AsyncClient) -> None:
    for path in ("/users/u1/recommendations", "/users/a%2Fb/recommendations", "/users/nobody/recommendations"):
        await client.get(path)
    await client.get("/users/u1/recommendations?limit=0")
    await client.post("/users/u1/recommendations")
    counts = samples(await figures(client), "ktup_requests_total")
    route = "/users/{user_id}/recommendations"
    found = {(method, status): n for (method, named, status), n in counts.items() if named == route}
    assert found == {("GET", "200"): 2, ("GET", "404"): 1, ("GET", "422"): 1, ("POST", "405"): 1}
    assert samples(await figures(client), "ktup_request_seconds_count")[(route,)] == 5


async def test_what_no_route_takes_is_one_series_whatever_is_asked_for(client: httpx.AsyncClient) -> None:
    for path in ("/x", "/y", "/people", "/users/u1/recommendations?q=%FF"):
        await client.get(path)
    await client.request("BREW", "/coffee")
    counts = samples(await figures(client), "ktup_requests_total")
    found = {(method, status): n for (method, named, status), n in counts.items() if named == "unmatched"}
    assert found == {("GET", "404"): 3, ("GET", "422"): 1, ("other", "404"): 1}


async def test_no_id_stands_in_any_figure(client: httpx.AsyncClient) -> None:
    await client.get("/users/someone-in-particular/recommendations?exclude=item-in-particular")
    assert "in-particular" not in await figures(client)


async def test_questions_are_counted_by_the_layer_that_had_the_answer(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), releases) as one, start(backend.settings(), releases) as other:
        await one.post(f"/releases/{release_id}/activate")
        for _ in range(3):
            await one.get("/users/u1/recommendations")

        async def follows() -> bool:
            return (await other.get("/health/ready")).status_code == 200

        await eventually(follows)
        await other.get("/users/u1/recommendations")
        here = samples(await figures(one), "ktup_cache_lookups_total")
        there = samples(await figures(other), "ktup_cache_lookups_total")
    assert here == {("none",): 1, ("process",): 2}
    assert there == {("none" if backend.redis_url is None else "shared",): 1}


async def test_who_asks_while_the_answer_is_computed_shares_it(
    sqlite: Backend, releases: MemoryStore, release_id: str, start: Start
) -> None:
    database = Database(sqlite.database_url)
    await world.store(database, world.tables())
    await database.close()
    gate = releases.releases[release_id].gate  # type: ignore[union-attr]
    async with start(sqlite.settings(), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        gate.clear()
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(client.get, "/users/u1/recommendations")
            await anyio.sleep(0.3)
            gate.set()
        counts = samples(await figures(client), "ktup_cache_lookups_total")
    assert counts == {("none",): 1, ("running",): 2}


async def test_the_release_that_answers_is_named(client: httpx.AsyncClient, release_id: str) -> None:
    assert samples(await figures(client), "ktup_release_info") == {(release_id,): 1.0}


async def test_a_request_that_fails_within_is_counted_as_500() -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError

    metrics = Metrics()
    with pytest.raises(RuntimeError):
        await CountedRequests(broken, metrics)({"type": "http", "method": "GET"}, None, None)  # type: ignore[arg-type]
    assert samples(metrics.render().decode(), "ktup_requests_total") == {("GET", "unmatched", "500"): 1}


_COUNT = """
import json, sys
from app.metrics import Metrics
metrics = Metrics()
for _ in range(int(sys.argv[1])):
    metrics.request("GET", "/items", 200, 0.01)
    metrics.lookup("shared")
print(json.dumps(metrics.render().decode()))
"""


def test_two_processes_with_one_folder_are_added_up(tmp_path: Path) -> None:
    def count(n: int) -> str:
        run = subprocess.run(
            [sys.executable, "-c", _COUNT, str(n)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            check=True,
            text=True,
        )
        return str(json.loads(run.stdout))

    count(3)
    text = count(4)
    assert samples(text, "ktup_requests_total") == {("GET", "/items", "200"): 7}
    assert samples(text, "ktup_cache_lookups_total") == {("shared",): 7}
    assert samples(text, "ktup_request_seconds_count") == {("/items",): 7}
