"""The active release: refused, swapped and followed without a failed or mixed answer."""

import asyncio
from dataclasses import replace

import anyio
import httpx
import pytest

from app.db.releases import ReleaseRepository
from app.db.session import Database
from tests.app import world
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_release import MemoryStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def two(release_id: str) -> MemoryStore:
    """Two releases in which u1's best item differs, and one that is broken."""
    other = world.release(f"{release_id}-b", created_at="2026-02-02T00:00:00Z", users={"u1": 0.4, "late": 0.0})
    return MemoryStore({release_id: world.release(release_id), f"{release_id}-b": other, "broken": "weights are cut"})


async def activate(client: httpx.AsyncClient, release_id: str) -> httpx.Response:
    return await client.post(f"/releases/{release_id}/activate")


async def test_releases_are_listed_with_the_active_and_the_broken_one(
    backend: Backend, database: Database, two: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), two) as client:
        await activate(client, release_id)
        body = (await client.get("/releases")).json()
    assert [(r["release_id"], r["active"], r["problem"]) for r in body["releases"]] == [
        (f"{release_id}-b", False, None),
        (release_id, True, None),
        ("broken", False, "weights are cut"),
    ]
    assert body["releases"][1]["activated_at"].endswith(("Z", "+00:00"))


async def test_a_figure_that_is_not_finite_does_not_break_the_list(
    sqlite: Backend, database: Database, start: Start
) -> None:
    odd = world.release("odd")
    odd.info = replace(odd.info, metrics={"recommendation": {"f1": float("nan")}})
    store = MemoryStore({"odd": odd})
    async with start(sqlite.settings(), store) as client:
        (listed,) = (await client.get("/releases")).json()["releases"]
    assert listed["metrics"] == {"recommendation": {"f1": None}}


async def test_a_refused_release_is_told_and_the_old_one_goes_on(
    backend: Backend, database: Database, two: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), two) as client:
        await activate(client, release_id)
        refused = await activate(client, "broken")
        assert (refused.status_code, refused.json()["code"]) == (409, "release_refused")
        assert "weights are cut" in refused.json()["detail"]
        body = (await client.get("/users/u1/recommendations?limit=1")).json()
        assert body["release"] == release_id
        assert (await client.get("/health/ready")).status_code == 200
    rows = {row.release_id: row for row in await ReleaseRepository(database).list()}
    assert (rows["broken"].is_active, rows["broken"].problem) == (False, "weights are cut")
    assert rows[release_id].is_active


@pytest.mark.parametrize("name", ["nothing", "..%2F..%2Fetc", "%2e%2e", ".hidden", "a%00b", "a%0A", "x" * 129])
async def test_a_name_that_is_no_release_is_refused_before_the_disk_is_asked(
    sqlite: Backend, start: Start, name: str
) -> None:
    store = MemoryStore({})
    async with start(sqlite.settings(), store) as client:
        answer = await activate(client, name)
    assert answer.status_code in (404, 422)
    assert store.loads == (1 if name == "nothing" else 0)


async def test_c113_a_swap_under_load_fails_no_request_and_mixes_no_answer(
    backend: Backend, database: Database, two: MemoryStore, release_id: str, start: Start
) -> None:
    # u1 = 0 is nearest to i2 (1.1, director); u1 = 0.4 to i4 (1.4, director), at distance 0.
    best = {release_id: "i2", f"{release_id}-b": "i4"}
    stop = False
    answers: list[httpx.Response] = []

    async def ask(client: httpx.AsyncClient, number: int) -> None:
        while not stop:
            limit = 1 + (len(answers) + number) % 7
            answers.append(await client.get(f"/users/u1/recommendations?limit={limit}&explain=summary"))

    async with start(backend.settings(cache_ttl_seconds=1), two) as client:
        await activate(client, release_id)
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(ask, client, number)
            for swap in range(10):
                changed = await activate(client, f"{release_id}-b" if swap % 2 == 0 else release_id)
                assert changed.status_code == 200
                await asyncio.sleep(0.05)
            stop = True
        served = {answer.json()["release"] for answer in answers}
    assert {answer.status_code for answer in answers} == {200}
    assert served == set(best)
    for answer in answers:
        body = answer.json()
        assert body["items"][0]["item_id"] == best[body["release"]]


async def test_c113_after_a_swap_and_after_a_rollback_no_old_answer_is_served(
    backend: Backend, database: Database, two: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), two) as client:
        for name in (release_id, f"{release_id}-b", release_id):
            await activate(client, name)
            assert (await client.get("/users/u1/recommendations")).json()["release"] == name


async def test_every_process_follows_the_release_that_one_of_them_activated(
    backend: Backend, database: Database, two: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), two) as one, start(backend.settings(), two) as other:
        for name in (release_id, f"{release_id}-b"):
            await activate(one, name)

            async def followed(name: str = name) -> bool:
                return bool((await other.get("/health/ready")).json().get("release") == name)

            await eventually(followed)


async def test_activations_at_the_same_time_leave_exactly_one_active(
    backend: Backend, database: Database, release_id: str
) -> None:
    names = [f"{release_id}-{n}" for n in range(8)]
    databases = [Database(backend.database_url, pool_size=1) for _ in names]
    await asyncio.gather(*(ReleaseRepository(d).activate(name) for d, name in zip(databases, names, strict=True)))
    rows = await ReleaseRepository(database).list()
    assert len(rows) == 8
    assert sum(row.is_active for row in rows) == 1
    for each in databases:
        await each.close()


async def test_c101_the_active_release_is_loaded_in_the_background_and_ready_names_what_is_missing(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    await ReleaseRepository(database).activate(release_id)
    releases.gate.clear()
    async with start(backend.settings(), releases) as client:

        async def is_loading() -> bool:
            return releases.loads == 1

        async def is_ready() -> bool:
            return (await client.get("/health/ready")).status_code == 200

        await eventually(is_loading)
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["missing"]) == (503, {"release": f"{release_id} is being loaded"})
        early = await client.get("/users/u1/recommendations")
        assert (early.status_code, early.json()["code"]) == (503, "no_active_release")
        assert int(early.headers["retry-after"]) > 0
        releases.gate.set()
        await eventually(is_ready)
        assert (await client.get("/users/u1/recommendations")).status_code == 200


async def test_an_active_release_that_is_refused_at_start_is_named_and_not_read_again_at_once(
    backend: Backend, database: Database, two: MemoryStore, start: Start
) -> None:
    await ReleaseRepository(database).activate("broken")
    async with start(backend.settings(), two) as client:
        await asyncio.sleep(0.5)
        missing = (await client.get("/health/ready")).json()["missing"]
    assert "weights are cut" in missing["release"]
    assert two.loads == 1


async def test_without_an_active_release_everything_but_health_is_503(
    backend: Backend, database: Database, releases: MemoryStore, start: Start
) -> None:
    async with start(backend.settings(), releases) as client:
        await asyncio.sleep(0.3)
        for path in ("/users/u1/recommendations", "/kg/complete?head=f1&relation=director"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "no_active_release")
        assert (await client.get("/health/ready")).json()["missing"] == {"release": "no release is active"}
        assert (await client.get("/health/live")).json() == {"status": "live"}
