"""Items and people: stored, paged, deleted for good from every list, and erased from every table and cache."""

import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import inspect, text

from app.cache import KEY_PREFIX, LayeredCache, ProcessCache, RedisCache, seal
from app.db.histories import HistoryRepository
from app.db.session import Database
from app.errors import StorageUnavailable
from tests.app import world
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_release import MemoryStore
from tests.app.test_events import event, history, recommended, send

pytestmark = pytest.mark.anyio


def path_of(kind: str, external_id: str) -> str:
    return f"/{kind}/" + quote(external_id, safe="").replace(".", "%2E")


async def listed(client: httpx.AsyncClient, limit: int) -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        body = (await client.get(f"/items?limit={limit}{cursor}")).json()
        ids += [item["item_id"] for item in body["items"]]
        if body["next_cursor"] is None:
            return ids
        cursor = f"&cursor={body['next_cursor']}"


async def test_the_catalogue_is_paged_in_the_order_of_code_points(client: httpx.AsyncClient) -> None:
    await client.put(path_of("items", "Z"), json={})
    await client.put(path_of("items", "é"), json={})
    expected = sorted([*world.ITEMS, "Z", "é"])
    assert expected[:4] == ["..", "Z", "a/b", "i1"]
    assert [await listed(client, limit) for limit in (1, 4, 1_000)] == [expected] * 3


async def found(client: httpx.AsyncClient, query: str, **more: str) -> list[str]:
    answer = await client.get("/items", params={"query": query, **more})
    assert answer.json()["next_cursor"] is None
    return [item["item_id"] for item in answer.json()["items"]]


async def test_items_are_found_by_title_best_first_whatever_happens_to_them(client: httpx.AsyncClient) -> None:
    assert await found(client, "ALIEN") == ["i1", "i6", "i3"]
    assert await found(client, "alien", limit="1") == ["i1"]
    assert await found(client, "titnic") == ["i4"]
    await client.put("/items/i4", json={"title": "A night to remember", "entity_id": "f4"})
    assert (await found(client, "titanic"), await found(client, "night")) == ([], ["i4"])
    await client.delete("/items/i1")
    assert await found(client, "alien") == ["i6", "i3"]


async def test_a_search_of_items_has_no_second_page(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/items?limit=1")).json()["next_cursor"]
    answer = await client.get("/items", params={"query": "alien", "cursor": cursor})
    assert (answer.status_code, [e["field"] for e in answer.json()["errors"]]) == (422, ["query", "cursor"])


async def people(client: httpx.AsyncClient, limit: int, **more: str) -> list[tuple[str, int]]:
    seen: list[tuple[str, int]] = []
    while True:
        body = (await client.get("/users", params={"limit": limit, **more})).json()
        seen += [(user["user_id"], user["n_items"]) for user in body["users"]]
        if body["next_cursor"] is None:
            return seen
        more["cursor"] = body["next_cursor"]


async def test_people_are_paged_in_the_order_of_code_points_with_what_they_met(client: httpx.AsyncClient) -> None:
    met = {"u1": 2, "late": 2, "a:b": 1, "all": len(world.ITEMS)}
    expected = [(user, met.get(user, 0)) for user in sorted(world.USERS)]
    assert [await people(client, limit) for limit in (1, 4, 1_000)] == [expected] * 3


@pytest.mark.parametrize(("prefix", "expected"), [("a", ["a", "a/b", "a:b", "all"]), ("中", ["中文"]), ("_", [])])
async def test_people_are_found_by_how_their_ids_begin(
    client: httpx.AsyncClient, prefix: str, expected: list[str]
) -> None:
    assert [user for user, _ in await people(client, 3, prefix=prefix)] == expected


async def test_an_item_of_any_id_is_stored_read_changed_and_deleted(client: httpx.AsyncClient) -> None:
    for item_id in ["new/1?#%2F .. 中文\u202e", "x/y", "é", "e\u0301", "😀", "?", "new item"]:
        path = path_of("items", item_id)
        assert (await client.get(path)).json()["code"] == "unknown_item"
        body = {"item_id": item_id, "title": "New", "entity_id": "f9"}
        assert (await client.put(path, json={"title": "New", "entity_id": "f9"})).json() == body | {"created": True}
        assert (await client.get(path)).json() == body
        changed = await client.put(path, json={"title": "Newer"})
        assert changed.json() == {"item_id": item_id, "title": "Newer", "entity_id": None, "created": False}
        assert (await client.delete(path)).json() == {"item_id": item_id, "deleted": True}
        assert (await client.get(path)).status_code == 404
        assert (await client.delete(path)).json()["code"] == "unknown_item"
        assert (await client.put(path, json={})).json()["created"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "a\x00b"}, "title"),
        ({"title": "x" * 2_001}, "title"),
        ({"entity_id": ""}, "entity_id"),
        ({"name": "x"}, "name"),
    ],
)
async def test_an_item_that_cannot_be_stored_is_422_and_the_field_is_named(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await client.put("/items/i9", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert (await client.get("/items/i9")).status_code == 404


async def test_an_item_of_an_unknown_entity_is_refused_and_the_old_one_stays(client: httpx.AsyncClient) -> None:
    answer = await client.put("/items/i1", json={"title": "Other", "entity_id": "nothing"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_entity")
    assert (await client.get("/items/i1")).json()["title"] == "Alien"


async def test_a_deleted_item_is_in_no_list_from_the_very_next_call_on_and_comes_back_whole(
    client: httpx.AsyncClient,
) -> None:
    popular = "/users/nobody/recommendations?fallback=popular&limit=100"
    before = await recommended(client)
    assert before[0] == "i2"
    assert "i2" in await recommended(client, "nobody", "&fallback=popular")
    assert "i2" in await history(client, "late")
    await client.delete("/items/i2")
    assert await recommended(client) == before[1:]
    assert "i2" not in [item["item_id"] for item in (await client.get(popular)).json()["items"]]
    assert "i2" not in await recommended(client, "late", "&exclude_seen=false")
    assert "i2" not in await history(client, "late")
    assert "i2" not in await listed(client, 100)
    assert (await send(client, event("e1")))["rejected"] == [{"index": 0, "code": "unknown_item"}]
    await client.put("/items/i2", json={"title": "Gladiator", "entity_id": "f2"})
    assert await recommended(client) == before
    assert "i2" in await history(client, "late")


async def test_a_deleted_item_is_no_reason_for_another(client: httpx.AsyncClient) -> None:
    path = "/users/u1/recommendations?explain=summary&limit=100"
    assert '"history_item":"i1"' in (await client.get(path)).text
    await client.delete("/items/i1")
    answer = await client.get(path)
    assert answer.status_code == 200
    assert '"i1"' not in answer.text


async def test_a_title_is_new_in_the_very_next_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/users/u1/recommendations?limit=1")).json()["items"][0]["title"] == "Gladiator"
    await client.put("/items/i2", json={"title": "Gladiator II", "entity_id": "f2"})
    assert (await client.get("/users/u1/recommendations?limit=1")).json()["items"][0]["title"] == "Gladiator II"


async def test_a_new_item_is_popular_at_once(client: httpx.AsyncClient) -> None:
    await client.put("/items/fresh", json={"title": "Fresh"})
    for n in range(9):
        await send(client, event(f"e{n}", user_id=f"fan{n}", item_id="fresh"))
    assert (await recommended(client, "nobody", "&fallback=popular"))[0] == "fresh"


async def test_people_are_stored_read_and_erased_whatever_their_id(client: httpx.AsyncClient) -> None:
    for user_id in [*world.AWKWARD_IDS, "u1"]:
        path = path_of("users", user_id)
        assert (await client.put(path)).json() == {"user_id": user_id, "created": False}
        assert (await client.delete(path)).json()["user_id"] == user_id
        assert (await client.get(path)).json()["code"] == "unknown_user"
        assert (await client.delete(path)).json()["code"] == "unknown_user"
        assert (await client.put(path)).json() == {"user_id": user_id, "created": True}
        person = (await client.get(path)).json()
        assert (person["user_id"], person["n_items"]) == (user_id, 0)
        assert person["created_at"].endswith("Z")


SECRET = 'Zoë "Q" 中/文'


async def everything_stored(database: Database) -> str:
    """Every cell of every table."""
    async with database.reading() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        rows = [(await connection.execute(text(f'SELECT * FROM "{name}"'))).all() for name in names]
    return repr(rows)


async def everything_cached(backend: Backend, clients: list[httpx.AsyncClient]) -> bytes:
    """Every value of the near caches and of Redis."""
    values: list[Any] = []
    for client in clients:
        cache = client._transport.app.state.services.erasure._cache  # type: ignore[attr-defined]
        near = cache._near if isinstance(cache, LayeredCache) else cache
        assert isinstance(near, ProcessCache)
        values += [value for _, value in near._values.values()]
    if backend.redis_url is not None:
        redis = Redis.from_url(backend.redis_url)
        values += [(await redis.get(key)) or b"" async for key in redis.scan_iter(match=f"{KEY_PREFIX}*")]
        await redis.aclose()
    return b"\n".join(values)


async def test_an_erased_person_is_in_no_table_and_in_no_cache_of_any_process(
    backend: Backend,
    client: httpx.AsyncClient,
    database: Database,
    releases: MemoryStore,
    release_id: str,
    start: Start,
) -> None:
    path = path_of("users", SECRET)
    name = SECRET.replace('"', '\\"').encode()
    async with start(backend.settings(), releases) as other:
        await other.post(f"/releases/{release_id}/activate")
        await send(client, event("e1", user_id=SECRET), event("e2", user_id=SECRET, item_id="i3", kind="like"))
        for each in (client, other):
            answer = await each.get(f"{path}/recommendations")
            assert answer.json()["user_id"] == SECRET
        assert SECRET in await everything_stored(database)
        assert name in await everything_cached(backend, [client])
        assert name in await everything_cached(backend, [other])
        erased = (await client.delete(path)).json()
        assert erased == {
            "user_id": SECRET,
            "rows": erased["rows"] | {"users": 1, "events": 2, "interactions": 2},
            "degraded": [],
        }
        assert SECRET not in await everything_stored(database)
        assert name not in await everything_cached(backend, [client])

        async def other_has_forgotten() -> bool:
            return name not in await everything_cached(backend, [client, other])

        await eventually(other_has_forgotten)
        assert (await other.get(f"{path}/recommendations")).status_code == 404
        # u1 has an answer as before, and somebody new may have the id.
        assert (await recommended(client))[0] == "i2"


async def test_somebody_who_comes_with_the_id_of_an_erased_person_sees_nothing_of_theirs(
    client: httpx.AsyncClient,
) -> None:
    for n, item in enumerate(["i1", "i3", "i4"]):
        await send(client, event(f"e{n}", user_id="again", item_id=item))
        await recommended(client, "again")
    await client.delete("/users/again")
    # As many changes as before: were versions counted anew, the old answers would be found.
    for n, item in enumerate(["i5", "i6", "i7"]):
        await send(client, event(f"f{n}", user_id="again", item_id=item))
        assert {"i1", "i3", "i4"} <= set(await recommended(client, "again"))


async def unavailable(*_: Any) -> Any:
    raise StorageUnavailable


async def test_to_a_release_of_before_an_erased_id_that_comes_back_is_a_new_one(
    backend: Backend, database: Database, release_id: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, releases = world.release(release_id), MemoryStore({})
    for name, data_until in ((release_id, 1_700_000_000.0), (f"{release_id}-next", time.time() + 3_600)):
        releases.releases[name] = replace(made, info=replace(made.info, release_id=name, data_until=data_until))
    async with start(backend.settings(), releases) as client, start(backend.settings(), releases) as other:
        for each in (client, other):
            assert (await each.post(f"/releases/{release_id}/activate")).status_code == 200
            assert (await each.get("/users/u1/recommendations")).json()["strategy"] == "personalized"
        assert (await client.delete("/users/u1")).status_code == 200
        assert (await client.put("/users/u1")).json()["created"] is True
        assert (await client.get("/users/u1/recommendations?fallback=popular")).json()["strategy"] == "popular"
        batch = {"user_ids": ["u1", "u2"], "fallback": "popular"}
        lists = (await client.post("/recommendations/batch", json=batch)).json()["results"]
        assert [each["recommendations"]["strategy"] for each in lists] == ["popular", "personalized"]
        await send(client, event("e1", user_id="u1", item_id="i3"))
        assert (await client.get("/users/u1/recommendations")).json()["strategy"] == "fold_in"

        assert (await other.get("/users/u1/recommendations?limit=3")).json()["strategy"] == "fold_in"
        # A process that starts later reads who was erased; what cannot be read now is not told from memory either.
        async with start(backend.settings(), releases) as third:

            async def ready() -> bool:
                return (await third.get("/health/ready")).status_code == 200

            await eventually(ready)
            assert (await third.get("/users/u1/recommendations?limit=4")).json()["strategy"] == "fold_in"
        with monkeypatch.context() as broken:
            broken.setattr(HistoryRepository, "histories", unavailable)
            assert (await client.get("/users/u1/recommendations?limit=5")).status_code == 503
            assert (await client.get("/users/u2/recommendations?limit=5")).json()["degraded"] == ["history"]
        # A release of later data knows the id from what is stored since then.
        assert (await client.post(f"/releases/{release_id}-next/activate")).status_code == 200
        assert (await client.get("/users/u1/recommendations")).json()["strategy"] == "personalized"


async def test_erasure_goes_on_without_redis_and_says_so(sqlite: Backend, releases: MemoryStore, start: Start) -> None:
    database = Database(sqlite.database_url)
    await world.store(database, world.tables())
    async with start(sqlite.settings(redis_url="redis://127.0.0.1:1/0"), releases) as client:
        answer = await client.delete("/users/u1")
        assert (answer.status_code, answer.json()["degraded"]) == (200, ["cache"])
        assert (await client.get("/users/u1")).status_code == 404
    await database.close()


async def test_redis_is_searched_to_its_end_and_only_what_names_the_text_goes(redis_url: str) -> None:
    cache = RedisCache(redis_url, 2.0)
    redis = Redis.from_url(redis_url)
    for n in range(1_500):
        key = f"{KEY_PREFIX}erase:{n}"
        await redis.set(key, seal(key, b'{"user_id":"target"}' if n % 500 == 0 else b'{"user_id":"target 2"}'), ex=60)
    assert await cache.erase(b'"target"') is True
    left = [key async for key in redis.scan_iter(match=f"{KEY_PREFIX}erase:*", count=1_000)]
    assert len(left) == 1_497
    await redis.unlink(*left)
    await redis.aclose()
    await cache.close()
