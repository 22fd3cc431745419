"""Heavy calls leave room: others get their turn on scoring threads and event loop, and who hung up ends them."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from app.db.facts import FactRepository
from app.db.session import Database
from app.errors import Overloaded
from app.main import create_app
from app.schemas.recommendations import render
from app.services import explanations
from app.services.scoring import ScoringPool
from tests.app import world
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_people import MemoryPeople
from tests.app.memory_reasons import MemoryReasons
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio
BATCH = "/recommendations/batch"


@pytest.fixture
def backend(sqlite: Backend) -> Backend:
    """Turns are the same over both kinds."""
    return sqlite


@pytest.mark.parametrize(
    ("step", "method", "path", "body"),
    [
        ((MemoryReasons, "of"), "POST", BATCH, {"user_ids": ["u1", "all"], "limit": 3, "explain": "full"}),
        ((MemoryReasons, "of"), "GET", "/users/u1/recommendations?limit=3&explain=full", None),
        ((MemoryRelease, "attribute_many"), "POST", BATCH, {"user_ids": ["u1", "a"], "limit": 3, "explain": "summary"}),
        ((MemoryPeople, "recommend"), "POST", BATCH, {"user_ids": ["u1", "a"], "limit": 3, "diversity": 0.5}),
    ],
)
async def test_c100_another_list_is_made_between_two_steps_of_a_heavy_call(
    backend: Backend,
    database: Database,
    releases: MemoryStore,
    release_id: str,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[type, str],
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    pool, began, go = ScoringPool(1, 256), threading.Event(), threading.Event()
    made, heavy, plain = list[str](), getattr(*step), MemoryRelease.recommend

    def slow(*arguments: Any) -> Any:
        began.set()
        assert go.wait(10)
        made.append("step")
        return heavy(*arguments)

    def noted(self: MemoryRelease, user_id: str, *arguments: Any) -> Any:
        made.append(user_id)
        return plain(self, user_id, *arguments)

    async def has_begun() -> bool:
        return began.is_set()

    async def both_are_in() -> bool:
        return pool._inside == 2

    monkeypatch.setattr(explanations, "PAIRS", 3)
    monkeypatch.setattr("app.main.ScoringPool", lambda _threads, _queue: pool)
    async with start(backend.settings(), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        monkeypatch.setattr(*step, slow)
        monkeypatch.setattr(MemoryRelease, "recommend", noted)
        first = asyncio.create_task(client.request(method, path, json=body))
        await eventually(has_begun)
        made.clear()
        other = asyncio.create_task(client.get("/users/u2/recommendations?limit=1"))
        await eventually(both_are_in)
        go.set()
        assert [(await task).status_code for task in (first, other)] == [200, 200]
    assert made[:3] == ["step", "u2", "step"]


async def test_what_has_begun_is_not_refused_between_two_of_its_turns() -> None:
    pool, began, go = ScoringPool(1, 0), threading.Event(), threading.Event()

    def values() -> Iterator[int]:
        for n in range(3):
            began.set()
            assert go.wait(10)
            yield n

    async def has_begun() -> bool:
        return began.is_set()

    running = asyncio.create_task(pool.run_by_turns(values()))
    await eventually(has_begun)
    with pytest.raises(Overloaded):
        await pool.run(lambda: None)
    go.set()
    assert await running == [0, 1, 2]
    assert await pool.run(lambda: "free again") == "free again"


async def test_c99_a_batch_whose_client_hung_up_ends_with_the_list_that_is_being_made(
    backend: Backend,
    database: Database,
    releases: MemoryStore,
    release_id: str,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    explained, plain, sent = list[str | None](), MemoryReasons.of, list[Any]()

    def noted(self: MemoryReasons, *arguments: Any) -> Any:
        explained.append(self._person.user_id)
        return plain(self, *arguments)

    async with start(backend.settings(), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
    monkeypatch.setattr(MemoryReasons, "of", noted)
    body = json.dumps({"user_ids": ["u1", "u2", "a"], "limit": 2, "explain": "full"}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": "POST", "path": BATCH, "raw_path": BATCH.encode(), "query_string": b""}
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1"}
    app = create_app(backend.settings(), releases)
    async with app.router.lifespan_context(app):
        services = app.state.services
        await services.releases.looked()
        await app(scope, receive, send)
    assert sent[0]["status"] == 499
    assert explained == ["u1", "u1"]


async def test_c100_the_event_loop_turns_between_two_lists_of_a_batch_and_pieces_are_small(
    backend: Backend, database: Database, release_id: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [f"v{n}" for n in range(300)]
    await world.store(database, {"users": [{"user_id": user} for user in users]})
    release = world.release(release_id)
    numbers = {user: n / 100 for n, user in enumerate(users)}
    many = MemoryRelease(release.info, numbers, release.items, release.entities, release.relations)
    turn, attributed, tied = 0, list[int](), list[int]()
    written, told = Counter[int](), Counter[int]()
    explain, attribute, ties = explanations._explanation, MemoryRelease.attribute_many, FactRepository.ties

    async def turning() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def writing(result: Any) -> bytes:
        written[turn] += 1
        return render(result)

    def explaining(*arguments: Any) -> Any:
        told[turn] += 1
        return explain(*arguments)

    def attributing(self: MemoryRelease, lists: Sequence[tuple[str, Sequence[str]]]) -> Any:
        attributed.append(sum(len(items) for _, items in lists))
        return attribute(self, lists)

    def tying(self: FactRepository, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> Any:
        tied.append(sum(len(items) for items, _ in pairs))
        return ties(self, pairs)

    monkeypatch.setattr("app.schemas.batches.render", writing)
    monkeypatch.setattr(explanations, "_explanation", explaining)
    monkeypatch.setattr(MemoryRelease, "attribute_many", attributing)
    monkeypatch.setattr(FactRepository, "ties", tying)
    async with start(backend.settings(), MemoryStore({release_id: many})) as client:
        await client.post(f"/releases/{release_id}/activate")
        ticking = asyncio.create_task(turning())
        answer = await client.post(BATCH, json={"user_ids": users, "limit": 9, "explain": "summary"})
        ticking.cancel()
    assert answer.status_code == 200
    assert (sum(written.values()), max(written.values())) == (300, 1)
    assert (sum(told.values()), max(told.values())) == (2_700, 9)
    assert sum(attributed) == sum(tied) == 2_700
    # 54 lists of 9 are the first 480 pairs or more.
    assert max(attributed) == max(tied) == 486
