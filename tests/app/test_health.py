"""Alive and ready are two things, and neither waits for scoring."""

import asyncio
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.session import Database
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio


def the(releases: MemoryStore, release_id: str) -> MemoryRelease:
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    return release


async def test_c100_health_answers_while_every_scoring_thread_is_busy(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    gate = the(releases, release_id).gate
    gate.clear()
    busy = [asyncio.create_task(client.get(f"/users/u1/recommendations?limit={n}")) for n in range(1, 21)]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    live, ready = await asyncio.gather(client.get("/health/live"), client.get("/health/ready"))
    waited = time.monotonic() - began
    scoring = [task for task in busy if not task.done()]
    gate.set()
    answers = await asyncio.gather(*busy)
    assert (live.status_code, ready.status_code) == (200, 200)
    assert len(scoring) == 20
    assert waited < 2.0, "health waited for scoring"
    assert [answer.status_code for answer in answers] == [200] * 20


BURNT_SECONDS = 0.1


async def test_c100_twenty_heavy_calls_cost_health_none_of_their_cpu_time(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, plain = list[int](), MemoryRelease.recommend

    def burn(self: MemoryRelease, *arguments: Any) -> Any:
        began = time.thread_time()
        while time.thread_time() - began < BURNT_SECONDS:
            pass
        threads.append(threading.get_ident())
        return plain(self, *arguments)

    monkeypatch.setattr(MemoryRelease, "recommend", burn)
    busy = [asyncio.create_task(client.get(f"/users/u1/recommendations?limit={n}")) for n in range(1, 21)]
    costs, asked_while_busy = [], 0
    while not all(task.done() for task in busy):
        # CPU time of this thread, which is the event loop's: other programs on the machine do not count in it.
        before = time.thread_time()
        answers = await asyncio.gather(client.get("/health/live"), client.get("/health/ready"))
        costs.append(time.thread_time() - before)
        assert [answer.status_code for answer in answers] == [200, 200]
        asked_while_busy += not all(task.done() for task in busy)
    assert [task.result().status_code for task in busy] == [200] * 20
    assert len(threads) == 20
    assert threading.get_ident() not in threads
    # A thread that health shared with scoring would burn for it between any two answers. One call alone may be dear:
    # the loop also begins and ends the twenty, and collects the garbage of the whole process.
    assert asked_while_busy >= 2
    assert statistics.median(costs) < BURNT_SECONDS / 2


async def test_a_full_queue_is_503_with_retry_after_and_heals(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(scoring_threads=1, scoring_queue=2), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        the(releases, release_id).gate.clear()
        calls = [asyncio.create_task(client.get(f"/users/u1/recommendations?limit={n}")) for n in range(1, 11)]

        async def seven_are_refused() -> bool:
            return sum(call.done() for call in calls) == 7

        await eventually(seven_are_refused)
        the(releases, release_id).gate.set()
        answers = await asyncio.gather(*calls)
        refused = [answer for answer in answers if answer.status_code == 503]
        # One is scored and two wait; which ones is a matter of who came first.
        assert len(refused) == 7
        assert {answer.json()["code"] for answer in refused} == {"overloaded"}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert (await client.get("/users/u1/recommendations?limit=50")).status_code == 200


async def test_c119_without_migration_ready_says_so_and_no_table_is_made(
    start: Start, releases: MemoryStore, tmp_path: Path
) -> None:
    backend = Backend("sqlite", f"sqlite+aiosqlite:///{tmp_path / 'new.db'}", None)
    async with start(backend.settings(), releases) as client:
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["missing"]["database"] == "schema not migrated"
        activated = await client.post(f"/releases/{next(iter(releases.releases))}/activate")
        assert (activated.status_code, activated.json()["code"]) == (503, "storage_unavailable")
    database = Database(backend.database_url)
    async with database.reading() as connection:
        tables = (await connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")).scalar_one()
    await database.close()
    assert tables == 0


async def test_a_database_that_refuses_connections_is_named_quickly(start: Start, releases: MemoryStore) -> None:
    backend = Backend("postgres", "postgresql://nobody:secret@127.0.0.1:1/none", None)
    async with start(backend.settings(database_timeout_seconds=1), releases) as client:
        began = time.monotonic()
        ready = await client.get("/health/ready")
        assert ready.json()["missing"]["database"] == "cannot be reached"
        answer = await client.get("/releases")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert time.monotonic() - began < 4
        assert "secret" not in ready.text + answer.text
