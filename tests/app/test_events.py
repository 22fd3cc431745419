"""Events: each stored once, seen by the very next call of any process, and never half of a call."""

import asyncio
import multiprocessing
from contextlib import suppress
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.db.events import EventRepository
from app.db.session import Database
from app.db.tables import Event as EventRow
from app.db.tables import Interaction
from app.errors import StorageUnavailable
from app.feedback import Event, Met, fold
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore

pytestmark = pytest.mark.anyio


def event(event_id: str, user_id: str = "u1", item_id: str = "i2", kind: str = "view", **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "user_id": user_id, "item_id": item_id, "type": kind, "ts": 100, **more}


async def send(client: httpx.AsyncClient, *events: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/events", json=list(events))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def recommended(client: httpx.AsyncClient, user_id: str = "u1", more: str = "") -> list[str]:
    answer = await client.get(f"/users/{user_id}/recommendations?limit=100{more}")
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


async def history(client: httpx.AsyncClient, user_id: str) -> list[str]:
    return [item["item_id"] for item in (await client.get(f"/users/{user_id}/history")).json()["items"]]


async def test_an_event_is_seen_by_the_very_next_call_of_another_process(
    backend: Backend, client: httpx.AsyncClient, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), releases) as other:
        await other.post(f"/releases/{release_id}/activate")
        assert "i2" in await recommended(client)
        assert "i2" in await recommended(other)
        assert await send(other, event("e1")) == {"accepted": 1, "duplicates": 0, "rejected": []}
        assert "i2" not in await recommended(client)
        assert "i2" not in await recommended(other)
        assert (await history(client, "u1"))[0] == "i2"


async def test_an_event_id_is_stored_once_however_often_and_wherever_it_is_sent(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert await send(client, event("e1"), event("e1", item_id="i3"), event("e2")) == {
        "accepted": 2, "duplicates": 1, "rejected": [],
    }  # fmt: skip
    again = await send(client, event("e2", item_id="i4"), event("e1"))
    assert again == {"accepted": 0, "duplicates": 2, "rejected": []}
    async with database.reading() as connection:
        rows = await connection.execute(select(EventRow.event_id, EventRow.item_id).order_by(EventRow.event_id))
        assert [tuple(row) for row in rows] == [("e1", "i2"), ("e2", "i2")]
    assert not {"i3", "i4"} & set(await history(client, "u1"))


async def test_an_unknown_item_is_rejected_by_its_place_and_the_others_are_stored(client: httpx.AsyncClient) -> None:
    outcome = await send(client, event("e1", item_id="nothing"), event("e2"), event("e3", item_id="nothing, too"))
    assert outcome == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": [{"index": 0, "code": "unknown_item"}, {"index": 2, "code": "unknown_item"}],
    }
    # Once there is such an item, the same event counts: a rejected id is not a used one.
    assert (await send(client, event("e1", item_id="i3")))["accepted"] == 1


async def test_a_user_who_was_never_seen_is_stored_with_the_first_event(client: httpx.AsyncClient) -> None:
    assert (await client.get("/users/new%2Fone/history")).json()["code"] == "unknown_user"
    await send(client, event("e1", user_id="new/one", item_id="a/b"))
    assert await history(client, "new%2Fone") == ["a/b"]
    assert "a/b" not in await recommended(client, "new%2Fone")
    # Rejected events store nobody.
    await send(client, event("e2", user_id="nobody", item_id="nothing"))
    assert (await client.get("/users/nobody/history")).status_code == 404


async def test_impressions_and_clicks_are_stored_but_are_no_history(
    client: httpx.AsyncClient, database: Database
) -> None:
    before = await recommended(client)
    outcome = await send(client, event("e1", kind="impression"), event("e2", kind="click", recommendation_id="r"))
    assert outcome["accepted"] == 2
    assert await recommended(client) == before
    async with database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(EventRow))).scalar_one() == 2


async def test_a_disliked_item_is_not_recommended_again_and_is_no_reason_for_another(client: httpx.AsyncClient) -> None:
    def cited(answer: httpx.Response) -> set[str]:
        items = answer.json()["items"]
        return {tie["history_item"] for item in items for tie in item["explanation"]["evidence"]}

    path = "/users/u1/recommendations?explain=summary&limit=100"
    assert "i1" in cited(await client.get(path))
    await send(client, event("e1", item_id="i1", kind="dislike"))
    answer = await client.get(path)
    assert "i1" not in cited(answer)
    assert "i1" not in [item["item_id"] for item in answer.json()["items"]]
    await send(client, event("e2", item_id="i1", kind="like", ts=200))
    assert "i1" in cited(await client.get(path))


def test_what_events_mean_for_a_history_is_the_newest_of_each_kind_of_news() -> None:
    events = [
        Event("1", "u", "i", "view", None, 30),
        Event("2", "u", "i", "rating", 2.0, 20),
        Event("3", "u", "i", "dislike", None, 25),
        Event("4", "u", "i", "click", 9.0, 99),
        Event("5", "a", "i", "view", None, 1),
    ]
    assert fold(events) == [Met("a", "i", None, 1, None), Met("u", "i", 2.0, 30, True)]


async def test_an_event_that_comes_late_fills_in_and_overwrites_nothing(client: httpx.AsyncClient) -> None:
    await send(client, event("e1", item_id="i3", kind="view", ts=50))
    await send(client, event("e2", item_id="i3", kind="rating", value=4, ts=40))
    await send(client, event("e3", item_id="i3", kind="rating", value=1, ts=30))
    (row,) = [i for i in (await client.get("/users/u1/history")).json()["items"] if i["item_id"] == "i3"]
    assert row == {"item_id": "i3", "title": "Aliens", "value": 4.0, "ts": 50, "disliked": False}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "stare"}, "1.type"),
        ({"type": "rating", "value": None}, "1"),
        ({"event_id": ""}, "1.event_id"),
        ({"user_id": "a\x00b"}, "1.user_id"),
        ({"item_id": "x" * 801}, "1.item_id"),
        ({"ts": -1}, "1.ts"),
        ({"ts": 10**30}, "1.ts"),
        ({"surprise": 1}, "1.surprise"),
    ],
)
async def test_an_event_that_cannot_be_read_refuses_the_whole_call(
    client: httpx.AsyncClient, database: Database, change: dict[str, Any], field: str
) -> None:
    answer = await client.post("/events", json=[event("e1"), event("e2") | change])
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    async with database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(EventRow))).scalar_one() == 0


async def test_not_a_number_and_half_a_surrogate_pair_are_refused_with_their_field(client: httpx.AsyncClient) -> None:
    start = b'[{"event_id":"e","user_id":"u","item_id":"i1","type":"rating","value":'
    for body, field in ((start + b"NaN}]", "0.value"), (start + b'1,"recommendation_id":"\\ud800"}]', "0.")):
        answer = await client.post("/events", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"].startswith(field)


async def test_more_than_a_thousand_events_and_none_at_all_are_refused(client: httpx.AsyncClient) -> None:
    for n, status in ((0, 422), (1_000, 200), (1_001, 422)):
        answer = await client.post("/events", json=[event(f"e{k}") for k in range(n)])
        assert answer.status_code == status, n


async def test_a_history_is_paged_without_a_gap_or_a_repeat(client: httpx.AsyncClient) -> None:
    # u1 met i1 at 30 and i5 at 10; `all` met everything without a time: ids in code point order.
    seen: list[str] = []
    cursor = ""
    for _ in range(10):
        body = (await client.get(f"/users/all/history?limit=4{cursor}")).json()
        seen += [item["item_id"] for item in body["items"]]
        if body["next_cursor"] is None:
            break
        cursor = f"&cursor={body['next_cursor']}"
    assert seen == ["..", "a/b", "i1", "i2", "i3", "i4", "i5", "i6", "i7"]
    first = (await client.get("/users/u1/history?limit=1")).json()
    assert first["items"] == [{"item_id": "i1", "title": "Alien", "value": 1.0, "ts": 30, "disliked": None}]
    second = (await client.get(f"/users/u1/history?limit=1&cursor={first['next_cursor']}")).json()
    assert [item["item_id"] for item in second["items"]] == ["i5"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "%F0%9F%98%80", "W10", "WyJhIiwxXQ", "bnVsbA", "WzEsIlx1ZDgwMCJd", "Ww"])
async def test_a_cursor_that_was_made_up_is_422_and_named(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get(f"/users/u1/history?cursor={cursor}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "cursor"


def write_events(url: str, writer: int, n: int) -> None:
    async def run() -> None:
        database = Database(url, pool_size=1, timeout_seconds=30)
        store = EventRepository(database)
        for k in range(n):
            # One item and user for everyone, one of one's own, and one event id that all writers send.
            events = [
                Event(f"{writer}-{k}", f"user {writer}", "i1", "view", None, k),
                Event(f"shared-{k}", "u1", "i3", "view", None, k),
            ]
            for _ in range(20):
                # On a machine with too much to do, a writer may be told to come again; its ids make that safe.
                with suppress(StorageUnavailable):
                    await store.record(events)
                    break
        await database.close()

    asyncio.run(run())


@pytest.mark.slow
async def test_c120_twenty_processes_that_write_at_once_lose_nothing(backend: Backend, database: Database) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_events, args=(backend.database_url, n, 5)) for n in range(20)]
    for each in writers:
        each.start()
    for each in writers:
        await asyncio.to_thread(each.join, 120)
    assert [each.exitcode for each in writers] == [0] * 20
    async with database.reading() as connection:
        ids = set((await connection.execute(select(EventRow.event_id))).scalars())
        met = select(Interaction.user_id, Interaction.timestamp).where(Interaction.user_id.startswith("user "))
        users = {row[0]: row[1] for row in await connection.execute(met)}
    assert ids == {f"{w}-{k}" for w in range(20) for k in range(5)} | {f"shared-{k}" for k in range(5)}
    assert users == {f"user {w}": 4 for w in range(20)}
