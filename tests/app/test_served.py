"""What was recommended is logged in the background, bounded, and joined with what people did."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.db.catalogue import PeopleRepository
from app.db.operation_tables import ServedList
from app.db.served import ServedRepository
from app.db.session import Database
from app.erased import user_key
from app.errors import StorageUnavailable
from app.feedback import Event
from app.metrics import Metrics
from app.services.recommendations import Recommendations, RecommendedItem
from app.services.served import ServedLog
from app.stored_operations import OnlineCounts, Served
from app.tenancy import of_tenant
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_release import MemoryStore
from tests.app.test_metrics import samples

pytestmark = pytest.mark.anyio


def shown(number: int) -> Recommendations:
    items = (RecommendedItem(1, "i1", None, 0.0), RecommendedItem(2, "i2", None, -1.0))
    return Recommendations("u1", "r", "personalized", items, recommendation_id=f"list-{number}")


class Lists:
    """A store that fails while it is told to."""

    def __init__(self) -> None:
        self.stored: list[Served] = []
        self.away = False
        self.calls = 0

    async def store(self, lists: Sequence[Served]) -> None:
        self.calls += 1
        if self.away:
            raise StorageUnavailable
        self.stored += lists

    async def prune(self, before: datetime, keep: int) -> int:
        return 0

    async def counts(self, since: datetime, until: datetime) -> Sequence[OnlineCounts]:
        return ()


def outcomes(metrics: Metrics) -> dict[str, float]:
    return {key: value for (key,), value in samples(metrics.render().decode(), "ktup_served_lists_total").items()}


async def test_what_does_not_fit_the_queue_is_dropped_and_counted() -> None:
    lists, metrics = Lists(), Metrics()
    log = ServedLog(lists, metrics, queue=3, keep_days=1, keep_lists=10)
    for number in range(5):
        log.offer(shown(number))
    await log.flush()
    log.offer(shown(5))
    await log.flush()
    assert [served.recommendation_id for served in lists.stored] == ["list-0", "list-1", "list-2", "list-5"]
    assert lists.stored[0].items == ("i1", "i2")
    assert outcomes(metrics) == {"stored": 4, "dropped": 2}


async def test_a_log_that_is_switched_off_takes_nothing_and_calls_it_no_loss() -> None:
    lists, metrics = Lists(), Metrics()
    log = ServedLog(lists, metrics, queue=0, keep_days=1, keep_lists=10)
    log.offer(shown(1))
    await log.flush()
    assert (lists.calls, outcomes(metrics)) == (0, {})


async def test_lists_wait_while_the_database_is_away_and_are_stored_at_the_end() -> None:
    lists, metrics = Lists(), Metrics()
    lists.away = True
    log = ServedLog(lists, metrics, queue=10, keep_days=1, keep_lists=10)
    log.start()
    log.offer(shown(1))
    await asyncio.sleep(0.05)
    lists.away = False
    log.offer(shown(2))
    await log.stop()
    assert [served.recommendation_id for served in lists.stored] == ["list-1", "list-2"]
    assert outcomes(metrics) == {"stored": 2, "dropped": 0}


def row(
    name: str,
    at: datetime,
    release: str = "a",
    strategy: str = "personalized",
    tenant: int = 1,
    user: str = "u1",
) -> Served:
    return Served(name, tenant, user, release, strategy, ("i1", "i2", "i3"), at)


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(number: int, item: str, kind: Any, list_id: str | None) -> Event:
    return Event(f"e{number}", "u1", item, kind, 4.0 if kind == "rating" else None, 1_000 + number, list_id)


async def test_online_figures_are_counted_by_hand(backend: Backend, database: Database) -> None:
    lists = ServedRepository(database)
    hour = timedelta(hours=1)
    await lists.store(
        [
            row("one", NOON),
            row("two", NOON + hour),
            row("three", NOON, release="b"),
            row("four", NOON, strategy="popular"),
            row("late", NOON + 9 * hour),
            row("one", NOON + 2 * hour, release="again"),
        ]
    )
    events = [
        event(1, "i1", "click", "one"),
        event(2, "i1", "click", "one"),  # the same item again: one item, one list
        event(3, "i2", "click", "one"),
        event(4, "i5", "click", "one"),  # it was not in that list
        event(5, "i1", "impression", "two"),
        event(6, "i1", "click", None),
        event(7, "i1", "view", "two"),
        event(8, "i2", "rating", "two"),
        event(9, "i3", "dislike", "three"),
        event(10, "i1", "click", "late"),
        event(11, "i1", "click", "unknown"),
    ]
    await store_events(database, events)
    assert list(await lists.counts(NOON, NOON + 9 * hour)) == [
        OnlineCounts("a", "personalized", 2, 6, lists_clicked=1, items_clicked=2, lists_taken=1, items_taken=2),
        OnlineCounts("a", "popular", 1, 3, 0, 0, 0, 0),
        OnlineCounts("b", "personalized", 1, 3, 0, 0, 0, 0),
    ]
    with of_tenant(2):
        assert list(await lists.counts(NOON, NOON + 9 * hour)) == []


async def store_events(database: Database, events: Sequence[Event]) -> None:
    from app.db.events import EventRepository

    recorded = await EventRepository(database).record(events)
    assert recorded.accepted == len(events)


async def test_the_log_keeps_the_newest_and_forgets_a_person(backend: Backend, database: Database) -> None:
    lists = ServedRepository(database)
    await lists.store([row(f"l{hour}", NOON + timedelta(hours=hour)) for hour in range(6)])
    assert await lists.prune(NOON + timedelta(hours=1), keep=3) == 3
    far = NOON + timedelta(days=1)
    assert [counts.lists for counts in await lists.counts(NOON, far)] == [3]
    assert [counts.lists for counts in await lists.counts(NOON + timedelta(hours=3), far)] == [3]
    people = PeopleRepository(database)
    await people.erase("u2")
    assert [counts.lists for counts in await lists.counts(NOON, far)] == [3]
    erased = await people.erase("u1")
    assert erased is not None
    assert erased.rows["served_lists"] == 3
    assert list(await lists.counts(NOON, far)) == []


async def test_a_list_that_waited_while_its_user_was_erased_names_nobody(backend: Backend, database: Database) -> None:
    await PeopleRepository(database).erase("u1")
    await ServedRepository(database).store([row("waited", NOON), row("known", NOON, user="u2")])
    async with database.reading() as connection:
        rows = await connection.execute(select(ServedList.recommendation_id, ServedList.user_key))
        keys = dict(rows.all())
    assert keys == {"waited": "", "known": user_key(1, "u2")}


async def test_a_list_that_is_served_from_the_cache_counts_once_and_its_click_is_joined(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        answers = [(await client.get("/users/u1/recommendations?limit=2")).json() for _ in range(3)]
        assert len({answer["recommendation_id"] for answer in answers}) == 1
        await client.get("/users/nobody/recommendations?fallback=popular&limit=3")
        chosen = answers[0]["items"][0]["item_id"]
        await store_events(database, [Event("e", "u1", chosen, "click", None, 5, answers[0]["recommendation_id"])])

        async def counted() -> bool:
            return len((await online(client))["groups"]) == 2

        await eventually(counted)
        groups = (await online(client))["groups"]
    assert [(g["release"], g["strategy"], g["lists"], g["items"], g["click_through"]) for g in groups] == [
        (release_id, "personalized", 1, 2, 1.0),
        (release_id, "popular", 1, 3, 0.0),
    ]
    assert (groups[0]["item_click_through"], groups[0]["take_rate"]) == (0.5, 0.0)


async def online(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/evaluation/online")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_instant_gives_the_same_figures_whatever_zone_it_is_told_in(
    database: Database, client: httpx.AsyncClient, release_id: str
) -> None:
    await ServedRepository(database).store([row("one", NOON, release=release_id)])
    # From 11:50 until 12:10 in UTC; each query would miss noon, were its zone left out.
    for since, until in (
        ("2026-03-01T11:50:00Z", "2026-03-01T12:10:00Z"),
        ("2026-03-01T13:50:00+02:00", "2026-03-01T14:10:00+02:00"),
        ("2026-03-01T02:20:00-09:30", "2026-03-01T12:10:00Z"),
    ):
        answer = await client.get("/evaluation/online", params={"since": since, "until": until})
        body = answer.json()
        assert [group["lists"] for group in body["groups"]] == [1], since
        assert (body["since"], body["until"]) == ("2026-03-01T11:50:00Z", "2026-03-01T12:10:00Z")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("until=0001-01-01T00:00:00Z", "until"),
        ("until=9999-12-31T23:59:59-14:00", "until"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("since=0001-01-01T00:00:00%2B14:00&until=2026-01-01T00:00:00Z", "since"),
    ],
)
async def test_a_time_that_leaves_the_calendar_is_422_and_named(
    client: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await client.get(f"/evaluation/online?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "query", ["since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since=2026-01-01T00:00:00", "since=x", "a=1"]
)
async def test_a_time_that_makes_no_sense_is_422(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/evaluation/online?{query}")).status_code == 422
