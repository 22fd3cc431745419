"""From whichever layer an answer comes, it has the same bytes; whoever writes, the very next call anywhere knows."""

import asyncio
import inspect

import httpx
import pytest

from app import dependencies
from app.db.session import Database
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio
PATH = "/users/u1/recommendations?explain=summary&exclude=i4&limit=5"


def calls(releases: MemoryStore, release_id: str) -> int:
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    return release.calls


async def test_computed_near_and_shared_answers_are_the_same_bytes(
    postgres: Backend, releases: MemoryStore, release_id: str, start: Start
) -> None:
    database = Database(postgres.database_url)
    await world.store(database, world.tables())
    async with start(postgres.settings(), releases) as one, start(postgres.settings(), releases) as other:
        for client in (one, other):
            await client.post(f"/releases/{release_id}/activate")
        computed = (await one.get(PATH)).content
        assert calls(releases, release_id) == 1
        near = (await one.get(PATH)).content
        # The other process has it from Valkey first, then from its own memory.
        shared, near_there = [(await other.get(PATH)).content for _ in range(2)]
        assert computed == near == shared == near_there
        assert calls(releases, release_id) == 1
    await database.close()


async def test_a_write_by_one_process_is_seen_by_the_very_next_call_of_another(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), releases) as one, start(backend.settings(), releases) as other:
        for client in (one, other):
            await client.post(f"/releases/{release_id}/activate")
        for item in ("i2", "i3", "i6"):
            for client in (one, other, one, other):
                assert item in await ids(client)
            event = {"event_id": f"{release_id} {item}", "user_id": "u1", "item_id": item, "type": "view", "ts": 99}
            assert (await one.post("/events", json=[event])).status_code == 200
            assert item not in await ids(other)
            assert item not in await ids(one)


async def ids(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/users/u1/recommendations")
    return [item["item_id"] for item in answer.json()["items"]]


async def test_a_title_that_another_process_changed_is_told_by_the_next_call(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), releases) as one, start(backend.settings(), releases) as other:
        for client in (one, other):
            await client.post(f"/releases/{release_id}/activate")
            assert (await client.get(PATH)).json()["items"][0]["title"] == "Gladiator"
        changed = await one.put("/items/i2", json={"title": "Gladiator (2000)", "entity_id": "f2"})
        assert changed.status_code in (200, 201, 204), changed.text
        assert (await other.get(PATH)).json()["items"][0]["title"] == "Gladiator (2000)"


def test_nothing_that_a_route_depends_on_is_sent_through_a_thread() -> None:
    made_here = [
        f for f in vars(dependencies).values() if inspect.isfunction(f) and f.__module__ == dependencies.__name__
    ]
    assert len(made_here) >= 5
    assert [f.__name__ for f in made_here if not inspect.iscoroutinefunction(f)] == []


async def test_two_hundred_at_once_over_two_processes_compute_at_most_once_in_each(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), releases) as one, start(backend.settings(), releases) as other:
        for client in (one, other):
            await client.post(f"/releases/{release_id}/activate")
        answers = await asyncio.gather(*(client.get(PATH) for client in (one, other) for _ in range(100)))
    assert len({answer.content for answer in answers[:100]}) == 1
    assert len({answer.content for answer in answers[100:]}) == 1
    assert calls(releases, release_id) <= 2
