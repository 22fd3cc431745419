"""Keys: hashed, scoped, limited, of one tenant each; and bodies no larger than they may be."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import select
from sqlalchemy.engine import Engine

from app.access import SCOPES, Scope
from app.db.keys import KeyRepository
from app.db.session import Database
from app.db.tables import ApiKey
from app.errors import InvalidKey, StorageUnavailable, UnknownTenant
from app.rate_limits import SlidingLimits
from app.routers.access import needed_scope
from app.services.access import AccessService, hash_of, new_key
from app.tenancy import of_tenant
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore
from tests.app.test_cache import black_hole

pytestmark = pytest.mark.anyio
EVERYTHING: list[Scope] = ["read", "write", "admin"]


async def make_key(database: Database, *scopes: Scope, tenant: str = "default", rate_limit: str | None = None) -> str:
    key, text = new_key(tenant, "test", scopes or EVERYTHING, rate_limit)
    await KeyRepository(database).create(key, new_tenant=True)
    return text


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
async def keyed(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service where keys are in use; its own has every scope."""
    key = await make_key(database)
    async with start(backend.settings(), releases) as client:
        client.headers.update(bearer(key))
        assert (await client.post(f"/releases/{release_id}/activate")).status_code == 200
        yield client


async def test_only_a_hash_of_the_secret_is_stored(database: Database) -> None:
    text = await make_key(database)
    secret = text.split("_", 2)[2]
    assert len(secret) == 43
    async with database.reading() as connection:
        (row,) = (await connection.execute(select(ApiKey))).all()
    assert secret not in repr(row)
    assert row.secret_hash == hash_of(secret)
    assert len({(await make_key(database)) for _ in range(5)} | {text}) == 6


async def test_a_request_without_a_key_or_with_a_wrong_one_is_401(keyed: httpx.AsyncClient, database: Database) -> None:
    key = keyed.headers.pop("Authorization").removeprefix("Bearer ")
    other = await make_key(database)
    mixed = "_".join(["ktup", key.split("_")[1], other.split("_", 2)[2]])
    for headers, code in (
        ({}, "missing_key"),
        ({"Authorization": "Basic dTpw"}, "missing_key"),
        (bearer("ktup_000000000000_" + "A" * 43), "invalid_key"),
        (bearer(mixed), "invalid_key"),
        (bearer(key[:-1]), "invalid_key"),
        (bearer(key + "\u00e9"), "invalid_key"),
        ({"X-API-Key": "no"}, "invalid_key"),
    ):
        encoded = {name: value.encode("utf-8") for name, value in headers.items()}
        answer = await keyed.get("/users/u1/recommendations", headers=encoded)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"
    for good in (bearer(key), {"X-API-Key": key}, {"Authorization": f"bearer {other}"}):
        assert (await keyed.get("/users/u1/recommendations", headers=good)).status_code == 200
    # Probes need none.
    assert (await keyed.get("/health/ready")).status_code == 200


async def test_a_key_may_do_what_its_scopes_say_and_nothing_else(keyed: httpx.AsyncClient, database: Database) -> None:
    calls = {
        ("GET", "/users/u1/recommendations"): "read",
        ("GET", "/items"): "read",
        ("PUT", "/users/u1"): "write",
        ("POST", "/events"): "write",
        ("DELETE", "/items/i7"): "write",
        ("POST", "/releases/none/activate"): "admin",
        ("DELETE", "/users/u2"): "admin",
    }
    keys = {scope: bearer(await make_key(database, scope)) for scope in EVERYTHING}
    for (method, path), needed in calls.items():
        for scope, headers in keys.items():
            answer = await keyed.request(method, path, headers=headers)
            assert (answer.status_code == 403) is (scope != needed), (method, path, scope)
            if scope != needed:
                assert answer.json()["code"] == "not_allowed"


def test_an_id_that_looks_like_a_route_does_not_lower_what_a_call_needs() -> None:
    slash = "\udc2f"  # as `app/routers/paths.py` decodes `%2F`
    assert needed_scope("DELETE", f"/users/a{slash}history") == "admin"
    assert needed_scope("GET", f"/health{slash}live") == "read"
    assert needed_scope("POST", f"/recommendations{slash}batch") == "write"


async def test_a_revoked_key_is_refused_within_seconds_and_revoking_the_last_one_opens_nothing(
    database: Database,
) -> None:
    now = [0.0]
    service = AccessService(KeyRepository(database), SlidingLimits(None), "auto", "9/second", lambda: now[0])
    assert (await service.admit(None, "127.0.0.1", "admin")).key_id is None
    text = await make_key(database)
    now[0] = 4.0
    assert (await service.admit(text, "127.0.0.1", "admin")).key_id == text.split("_")[1]
    await KeyRepository(database).revoke(text.split("_")[1])
    now[0] = 8.0
    for token, error in ((text, "invalid"), (None, "Send a key")):
        with pytest.raises(Exception, match=error if token is None else "not valid"):
            await service.admit(token, "127.0.0.1", "read")


async def test_before_the_first_key_only_this_machine_may_call(database: Database) -> None:
    def service(mode: Any) -> AccessService:
        return AccessService(KeyRepository(database), SlidingLimits(None), mode, "9/second")

    assert (await service("auto").admit(None, "::1", "admin")).scopes == SCOPES
    with pytest.raises(Exception, match="only this machine itself may call"):
        await service("auto").admit(None, "10.0.0.8", "read")
    with pytest.raises(Exception, match="Send a key"):
        await service("keys").admit(None, "127.0.0.1", "read")
    assert (await service("open").admit(None, "10.0.0.8", "admin")).scopes == SCOPES


async def test_a_key_that_was_seen_goes_on_while_the_database_is_away(database: Database) -> None:
    class Away(KeyRepository):
        away = False

        async def find(self, key_id: str) -> Any:
            if self.away:
                raise StorageUnavailable
            return await super().find(key_id)

    text, other = await make_key(database), await make_key(database)
    now, keys = [0.0], Away(database)
    service = AccessService(keys, SlidingLimits(None), "keys", "9/second", lambda: now[0])
    await service.admit(text, "127.0.0.1", "read")
    keys.away, now[0] = True, 100.0
    assert (await service.admit(text, "127.0.0.1", "read")).tenant_id == 1
    with pytest.raises(StorageUnavailable):
        await service.admit(other, "127.0.0.1", "read")
    with pytest.raises(InvalidKey):
        await service.admit(text[:-2] + "__", "127.0.0.1", "read")


async def test_a_key_that_calls_too_often_is_429_and_told_when_it_may_again(
    keyed: httpx.AsyncClient, database: Database
) -> None:
    slow = bearer(await make_key(database, rate_limit="3/minute"))
    answers = [await keyed.get("/items", headers=slow) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    # Others are not held up by it.
    assert (await keyed.get("/items")).status_code == 200


async def test_processes_count_the_calls_of_a_key_together_in_redis(redis_url: str) -> None:
    name = new_key("default", "x", ["read"])[0].key_id
    one, two = SlidingLimits(redis_url, 2.0), SlidingLimits(redis_url, 2.0)
    waits = [await limits.wait("4/minute", name) for limits in (one, two, one, two, one)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4] >= 1


async def test_c109_calls_are_counted_near_while_redis_never_answers() -> None:
    async with black_hole() as port:
        limits = SlidingLimits(f"redis://127.0.0.1:{port}/0", 0.2, 60)
        began = asyncio.get_running_loop().time()
        assert [await limits.wait("2/minute", "k") > 0 for _ in range(4)] == [False, False, True, True]
        assert asyncio.get_running_loop().time() - began < 2


async def test_a_body_that_is_too_large_is_413_whether_its_length_is_told_or_not(
    backend: Backend, database: Database, releases: MemoryStore, start: Start
) -> None:
    async def pieces(n: int) -> AsyncIterator[bytes]:
        for _ in range(n):
            yield b" " * 1_024

    async with start(backend.settings(max_body_bytes=4_096), releases) as client:
        for content in (b" " * 4_097, pieces(5)):
            answer = await client.post("/events", content=content, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        endless = await client.post("/events", content=b"[]", headers={"Content-Length": "9" * 5_000})
        assert (endless.status_code, endless.json()["code"]) == (413, "body_too_large")
        for content in (b" " * 4_096, pieces(4)):
            answer = await client.post("/events", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422


async def test_nothing_crosses_from_one_tenant_to_another(
    keyed: httpx.AsyncClient, database: Database, release_id: str
) -> None:
    other = bearer(await make_key(database, tenant="other"))
    first = (await keyed.get("/users/u1/recommendations?explain=summary")).json()

    async def as_other(method: str, path: str, **more: Any) -> tuple[int, Any]:
        answer = await keyed.request(method, path, headers=other, **more)
        return answer.status_code, answer.json()

    for path in ("/users/u1", "/users/u1/history", "/items/i1", "/kg/entities/f1", "/kg/facts?head=f1"):
        assert (await as_other("GET", path))[0] == 404, path
    assert await as_other("GET", "/items") == (200, {"items": [], "next_cursor": None})
    assert (await as_other("GET", "/kg/relations"))[1]["relations"] == []
    assert (await as_other("GET", "/kg/facts"))[1]["facts"] == []
    assert (await as_other("GET", "/kg/entities?query=ridley"))[1]["entities"] == []
    # The same ids are other things there.
    assert (await as_other("PUT", "/items/i1", json={"title": "Not Alien"}))[1]["created"] is True
    event = {"event_id": "e1", "user_id": "u1", "item_id": "i1", "type": "view", "ts": 1}
    assert (await as_other("POST", "/events", json=[event | {"item_id": "i2"}]))[1]["accepted"] == 0
    assert (await as_other("POST", "/events", json=[event]))[1]["accepted"] == 1
    assert (await keyed.post("/events", json=[event | {"item_id": "i2"}])).json()["accepted"] == 1
    assert [i["item_id"] for i in (await as_other("GET", "/users/u1/history"))[1]["items"]] == ["i1"]
    status, body = await as_other("GET", "/users/u1/recommendations")
    assert (status, body["code"]) == (503, "no_active_release")
    assert await as_other("GET", "/releases") == (200, {"releases": []})
    assert (await as_other("POST", f"/releases/{release_id}/activate"))[0] == 404
    assert (await as_other("DELETE", "/items/i1"))[0] == (await as_other("DELETE", "/users/u1"))[0] == 200
    assert (await keyed.get("/items/i1")).json()["title"] == "Alien"
    assert (await keyed.get("/users/u1")).json()["n_items"] == 3
    again = (await keyed.get("/users/u1/recommendations?explain=summary")).json()
    assert [i["item_id"] for i in again["items"]] == [i["item_id"] for i in first["items"]][1:]


async def test_every_statement_about_a_tenants_table_names_the_tenant(
    keyed: httpx.AsyncClient, database: Database
) -> None:
    tables = ("users", "items", "entities", "relations", "facts", "interactions", "events", "releases", "stamps")
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, _p: Any, _x: Any, _many: bool) -> None:
        seen.append(statement)

    sql_event.listen(Engine, "before_cursor_execute", note)
    try:
        fact = {"head": "f9", "relation": "genre", "tail": "new"}
        event = {"event_id": "e1", "user_id": "u7", "item_id": "i1", "type": "view"}
        await keyed.post("/events", json=[event])
        await keyed.put("/items/i8", json={"entity_id": "f1"})
        await keyed.post("/kg/facts?create_entities=true", json=[fact])
        for path in (
            "/users/u1/recommendations?explain=summary", "/users/x/recommendations?fallback=popular", "/items",
            "/users/u1", "/users/u1/history", "/items/i1", "/kg/entities/f1", "/kg/entities?query=a", "/kg/relations",
            "/kg/facts?head=f1", "/kg/complete?head=f1&relation=director", "/releases",
        ):  # fmt: skip
            assert (await keyed.get(path)).status_code == 200, path
        for path in ("/kg/facts?head=f9&relation=genre&tail=new", "/items/i8", "/users/u7"):
            assert (await keyed.delete(path)).status_code == 200, path
        await world.store(database, world.tables())
    finally:
        sql_event.remove(Engine, "before_cursor_execute", note)
    about = [s for s in seen if any(f" {table} " in f" {s} ".replace("\n", " ") for table in tables)]
    assert len(about) > 40
    # Erasures alone are counted over all tenants: a number, and nothing else.
    assert [s for s in about if "tenant_id" not in s and "sum(stamps.value)" not in s] == []


async def test_a_tenant_that_nobody_made_is_told(database: Database) -> None:
    key, _ = new_key("typo", "x", ["read"])
    with pytest.raises(UnknownTenant):
        await KeyRepository(database).create(key, new_tenant=False)
    with of_tenant(1):
        assert await KeyRepository(database).list() == []
