"""The rows of the contract that are troubles, and how each is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.db.session import Database
from app.db.versions import VersionReader
from app.errors import StorageUnavailable
from tests.app import world
from tests.app.contract_place import Case, Place, cases_of, good, problem
from tests.app.memory_release import MemoryRelease, MemoryStore
from tests.app.test_access import bearer, make_key
from tests.app.test_cache import black_hole

TROUBLES: dict[str, Case] = {}
trouble = cases_of(TROUBLES)


# Answers to trouble


@trouble("user id never seen")
async def never_seen(place: Place) -> None:
    await place.refused(404, "unknown_user", "GET", "/users/nobody/recommendations")
    body = await place.get("/users/nobody/recommendations", fallback="popular")
    assert (body["strategy"], body["items"][0]["item_id"]) == ("popular", "i1")


@trouble("user stored but not in the release")
async def stored_later(place: Place) -> None:
    assert (await place.get("/users/late/recommendations"))["strategy"] == "fold_in"
    await place.call("PUT", "/users/fresh")
    assert (await place.get("/users/fresh/recommendations"))["strategy"] == "popular"


@trouble("unknown item, entity, relation")
async def unknown(place: Place) -> None:
    await place.refused(404, "unknown_item", "GET", "/items/nothing")
    await place.refused(404, "unknown_item", "GET", "/items/nothing/similar")
    await place.refused(404, "unknown_entity", "GET", "/kg/entities/nothing")
    await place.refused(404, "unknown_entity", "GET", "/kg/complete?head=nothing&relation=genre")
    await place.refused(404, "unknown_relation", "GET", "/kg/complete?head=f1&relation=nothing")
    await place.refused(404, "unknown_relation", "PUT", "/users/u1/preferences/nothing", json={"multiplier": 1})


@trouble("entity stored but not in the release")
async def not_in_release(place: Place) -> None:
    await place.refused(409, "not_in_release", "GET", "/kg/complete?head=f9&relation=genre")
    await place.refused(409, "not_in_release", "GET", "/kg/complete?head=f1&relation=late_relation")


@trouble("not exactly two of three; bad limit; unknown parameter; NaN, NUL, lone surrogate")
async def malformed(place: Place) -> None:
    base = "/users/u1/recommendations"
    for path, field in (
        ("/kg/complete?head=f1", "relation"),
        (f"{base}?limit=0", "limit"),
        (f"{base}?limit=101", "limit"),
        (f"{base}?page=2", "page"),
        (f"{base}?diversity=NaN", "diversity"),
        (f"{base}?exclude=%00", "exclude.0"),
        (f"{base}?exclude=%ED%A0%80", "exclude"),
        ("/users/%00/recommendations", "user_id"),
        ("/items/%ED%A0%80", "item_id"),
    ):
        answer = await place.client.get(path)
        assert answer.status_code == 422, path
        assert field in [error["field"] for error in answer.json()["errors"]], path


@trouble("nothing left to recommend")
async def nothing_left(place: Place) -> None:
    body = await place.get("/users/all/recommendations")
    assert (body["items"], body["next_cursor"]) == ([], None)


@trouble("no active release")
async def no_release(place: Place) -> None:
    key = await make_key(place.database, tenant="empty")
    answer = await place.client.get("/users/u1/recommendations", headers=bearer(key))
    problem(answer, 503, "no_active_release")
    assert int(answer.headers["retry-after"]) > 0
    async with place.start(place.backend.settings(), MemoryStore({})) as bare:
        assert (await bare.get("/health/live")).status_code == 200
        assert problem(await bare.get("/health/ready"), 503, "not_ready")["missing"].keys() == {"release"}


@trouble("Redis away or slow")
async def redis_away(place: Place) -> None:
    async with black_hole() as port:
        settings = place.backend.settings(redis_url=f"redis://127.0.0.1:{port}/0", cache_retry_seconds=60)
        async with place.start(settings, place.releases) as client:
            client.headers.update(place.client.headers)
            began = asyncio.get_running_loop().time()
            body = good(await client.get("/users/u1/recommendations"))
            # The cache and the counting of calls wait for 200 ms each, at most.
            assert asyncio.get_running_loop().time() - began < 2
            assert body["degraded"] == ["cache"]
            assert good(await client.get("/health/ready"))["degraded"] == ["cache"]


@trouble("SQL away")
async def sql_away(place: Place) -> None:
    @asynccontextmanager
    async def connected(*_given: object) -> AsyncIterator[None]:
        raise StorageUnavailable
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "_connected", connected)
        patch.setattr(VersionReader, "_read_now", lambda *_given: None)
        body = await place.get("/users/u1/recommendations", limit=3)
        assert (body["strategy"], body["degraded"], len(body["items"])) == ("personalized", ["history"], 3)
        for path in ("/users/late/recommendations", "/items", "/kg/facts"):
            assert int((await place.client.get(path)).headers["retry-after"]) > 0
            await place.refused(503, "storage_unavailable", "GET", path)
    assert (await place.get("/users/u1/recommendations", limit=3))["degraded"] == []


@trouble("expired cursor")
async def expired(place: Place) -> None:
    cursor = (await place.get("/users/u1/recommendations", limit=2))["next_cursor"]
    await place.call("POST", f"/releases/{place.other_id}/activate")
    await place.refused(
        410, "cursor_expired", "GET", "/users/u1/recommendations", params={"limit": 2, "cursor": cursor}
    )


@trouble("a repeated event_id")
async def repeated(place: Place) -> None:
    sent = [{"event_id": "e1", "user_id": "u2", "item_id": "i2", "type": "rating", "value": 1}]
    assert (await place.call("POST", "/events", sent))["accepted"] == 1
    sent[0]["value"] = 5
    assert (await place.call("POST", "/events", sent)) == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert [i["value"] for i in (await place.get("/users/u2/history"))["items"]] == [1]


@trouble("key missing / not allowed / too many / too large")
async def door(place: Place) -> None:
    none = {"Authorization": ""}
    await place.refused(401, "missing_key", "GET", "/items", headers=none)
    reader = bearer(await make_key(place.database, "read", rate_limit="2/minute"))
    await place.refused(403, "not_allowed", "PUT", "/users/x", headers=reader)
    answers = [await place.client.get("/items", headers=reader) for _ in range(4)]
    problem(answers[-1], 429, "rate_limited")
    assert int(answers[-1].headers["retry-after"]) > 0
    large = b" " * (place.backend.settings().max_body_bytes + 1)
    await place.refused(413, "body_too_large", "POST", "/events", content=large)


@trouble("a bug")
async def bug(place: Place) -> None:
    class Broken(MemoryRelease):
        def recommend(self, *_args: object, **_more: object) -> list[object]:  # type: ignore[override]
            raise ZeroDivisionError("a secret detail")

    whole = world.release("broken")
    name = f"{place.release_id}-broken"
    place.releases.releases[name] = Broken(whole.info, whole.users, whole.items, whole.entities, whole.relations)
    await place.call("POST", f"/releases/{name}/activate")
    answer = await place.client.get("/users/u1/recommendations")
    problem(answer, 500, "internal_error")
    assert "secret" not in answer.text
