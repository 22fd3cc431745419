"""What a known user does after the release's data ended moves their lists; what they did before changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.db.session import Database
from app.inference import InferenceRelease, _info_of
from app.ports_people import Person
from app.stored import History
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore
from tests.app.test_inference_people import HISTORY, ids, release

__all__ = ["release"]
UNTIL = 1_000


@pytest.fixture
async def client(
    backend: Backend, database: Database, release_id: str, start: Start
) -> AsyncIterator[httpx.AsyncClient]:
    """The world, with a release whose data ended at UNTIL."""
    made = world.release(release_id)
    store = MemoryStore({release_id: replace(made, info=replace(made.info, data_until=UNTIL))})
    async with start(backend.settings(), store) as client:
        assert (await client.post(f"/releases/{release_id}/activate")).status_code == 200
        yield client


async def scores(client: httpx.AsyncClient, **query: Any) -> dict[str, float]:
    answer = await client.get("/users/u1/recommendations", params={"limit": 100, "exclude_seen": False, **query})
    assert answer.json()["strategy"] == "personalized"
    return {item["item_id"]: item["score"] for item in answer.json()["items"]}


async def tell(client: httpx.AsyncClient, event_id: str, item: str, ts: int, type_: str = "like") -> None:
    event = {"event_id": event_id, "user_id": "u1", "item_id": item, "type": type_, "ts": ts}
    assert (await client.post("/events", json=[event])).status_code == 200


@pytest.mark.anyio
async def test_new_events_move_a_known_user_old_and_disliked_ones_do_not(client: httpx.AsyncClient) -> None:
    before = await scores(client)
    await tell(client, "late upload", "i4", UNTIL)
    await tell(client, "no", "i3", UNTIL + 5, "dislike")
    assert await scores(client) == before
    # On the memory release, u1 = 0 moves by the number of each new item: 1.1.
    await tell(client, "new", "i2", UNTIL + 1)
    after = await scores(client)
    assert after["i2"] == pytest.approx(-1.0)
    assert after["i7"] == pytest.approx(-abs(1.1 + 1 - 2.0))


@pytest.mark.anyio
async def test_reasons_batches_and_filters_speak_of_the_moved_user(client: httpx.AsyncClient) -> None:
    await tell(client, "new", "i2", UNTIL + 1)
    listed = await scores(client)
    assert await scores(client, explain="summary") == listed
    body = {"user_ids": ["u1"], "limit": 100, "exclude_seen": False}
    (result,) = (await client.post("/recommendations/batch", json=body)).json()["results"]
    assert {item["item_id"]: item["score"] for item in result["recommendations"]["items"]} == listed
    among = await scores(client, filter="genre:horror")
    assert among == {item: listed[item] for item in among}
    pair = (await client.get("/users/u1/recommendations/i4/explanation")).json()
    assert pair["score"] == listed["i4"]


def test_new_items_of_a_history_are_those_after_the_moment_and_not_disliked() -> None:
    history = History(("d", "c", "b", "a", "none"), frozenset("c"), (9, 8, 7, 6))
    assert history.since(6) == ["d", "b"]
    assert history.since(9) == []
    assert History((), frozenset()).since(0) == []


def test_a_user_without_recent_items_gets_the_very_list_of_the_release(release: InferenceRelease) -> None:
    plain = release.recommend("ann", 10, HISTORY)
    for recent in ((), ("no such item",)):
        assert release.people.recommend(Person("ann", HISTORY, {}, recent), 10, HISTORY) == plain


def test_a_moved_user_has_one_score_in_lists_reasons_and_places(release: InferenceRelease) -> None:
    person = Person("ann", HISTORY, {}, HISTORY[:1])
    found = release.people.recommend(person, 10)
    assert found != release.recommend("ann", 10)
    reasons = release.people.attribute(person, ids(found))
    assert [a.score for a in reasons] == pytest.approx([item.score for item in found], abs=1e-12)
    assert [s.place.rank for s in release.people.standings(person, ids(found))] == list(range(1, 11))


def test_data_ended_when_the_data_set_was_written_or_else_when_the_release_was_made(release: InferenceRelease) -> None:
    assert release.info.data_until == 1_767_225_600  # 2026-01-01T00:00:00Z
    manifest: dict[str, Any] = {"release_id": "r", "created_at": "2026-01-01T00:00:00Z", "model": {"name": "m"}}
    manifest |= {"dataset": {"name": "d", "content_hash": "0", "created_at": "2025-12-31T23:00:00+00:00"}}
    manifest |= {"metrics": {}, "counts": {}, "index": {}}
    assert _info_of(manifest).data_until == 1_767_225_600 - 3_600
