"""Many users by one call: each gets the list of a call of their own, and a status of their own."""

from typing import Any

import httpx
import pytest

from app.db.session import Database
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio
USERS = ["u1", "u2", "late", "all", "a/b", "..", "%2F"]


async def batch(client: httpx.AsyncClient, users: list[str], **more: Any) -> list[dict[str, Any]]:
    answer = await client.post("/recommendations/batch", json={"user_ids": users, **more})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def without_id(body: dict[str, Any]) -> dict[str, Any]:
    """A cursor tells when its page was made."""
    more = body["next_cursor"] is not None
    return {name: value for name, value in body.items() if name != "recommendation_id"} | {"next_cursor": more}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"limit": 3, "explain": "summary"},
        {"limit": 3, "explain": "full"},
        {"limit": 2, "filter": ["genre:horror"], "diversity": 0.5},
        {"exclude_seen": False, "limit": 100},
        {"exclude": ["i2", "a/b", "x"]},
    ],
)
async def test_each_list_is_the_one_that_a_call_for_its_user_gives(
    client: httpx.AsyncClient, options: dict[str, Any]
) -> None:
    results = await batch(client, USERS, **options)
    assert [result["user_id"] for result in results] == USERS
    for result in results:
        path = httpx.URL("http://localhost").copy_with(
            raw_path=f"/users/{percent(result['user_id'])}/recommendations".encode()
        )
        alone = await client.get(path, params=options)
        assert without_id(result["recommendations"]) == without_id(alone.json())
        assert (result["status"], result["problem"]) == (200, None)


def percent(user_id: str) -> str:
    return "".join(f"%{byte:02X}" for byte in user_id.encode())


async def test_a_user_never_seen_is_a_404_inside_and_takes_nothing_from_the_others(client: httpx.AsyncClient) -> None:
    known, unknown, last = await batch(client, ["u1", "nobody", "u2"], limit=1)
    assert (known["status"], last["status"]) == (200, 200)
    assert known["recommendations"]["items"][0]["item_id"] == "i2"
    assert (unknown["status"], unknown["recommendations"]) == (404, None)
    alone = await client.get("/users/nobody/recommendations")
    assert {**unknown["problem"], "request_id": ""} == {**alone.json(), "request_id": ""}
    assert len(unknown["problem"]["request_id"]) == 32


async def test_with_a_fallback_nobody_is_unknown(client: httpx.AsyncClient) -> None:
    (result,) = await batch(client, ["nobody"], fallback="popular", limit=2)
    assert result["recommendations"]["strategy"] == "popular"
    assert [item["item_id"] for item in result["recommendations"]["items"]] == ["i1", "i2"]


async def test_a_user_named_twice_is_computed_once_and_told_twice(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    first, other, second = await batch(client, ["u1", "u2", "u1"])
    assert first == second
    assert first["recommendations"]["recommendation_id"] != other["recommendations"]["recommendation_id"]
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    assert release.calls == 2


async def test_a_thousand_users_are_taken_in_their_order(client: httpx.AsyncClient) -> None:
    users = [f"nobody {n}" for n in range(999)]
    users.insert(500, "u1")
    results = await batch(client, users, limit=1)
    assert [result["user_id"] for result in results] == users
    assert [n for n, result in enumerate(results) if result["status"] == 200] == [500]


async def test_more_users_than_a_piece_holds_get_what_they_get_alone(
    backend: Backend, database: Database, release_id: str, start: Start
) -> None:
    users = [f"v{n}" for n in range(300)]
    await world.store(database, {"users": [{"user_id": user} for user in users]})
    release = world.release(release_id)
    many = MemoryRelease(
        release.info, {u: n / 100 for n, u in enumerate(users)}, release.items, release.entities, release.relations
    )
    async with start(backend.settings(), MemoryStore({release_id: many})) as client:
        await client.post(f"/releases/{release_id}/activate")
        results = await batch(client, users, limit=3, explain="summary")
        for n in (0, 127, 128, 255, 256, 299):
            alone = await client.get(f"/users/v{n}/recommendations?limit=3&explain=summary")
            assert without_id(results[n]["recommendations"]) == without_id(alone.json())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "user_ids"),
        ({"user_ids": []}, "user_ids"),
        ({"user_ids": ["u"] * 1_001}, "user_ids"),
        ({"user_ids": "u1"}, "user_ids"),
        ({"user_ids": ["u1", ""]}, "user_ids.1"),
        ({"user_ids": ["u1", 7]}, "user_ids.1"),
        ({"user_ids": ["a\x00"]}, "user_ids.0"),
        ({"user_ids": ["\ud800"]}, "user_ids.0"),
        ({"user_ids": ["u1", "u2", "a", "b"], "limit": 100, "explain": "full"}, "user_ids"),
        ({"user_ids": [f"u{n}" for n in range(31)], "explain": "full"}, "user_ids"),
        ({"user_ids": ["u1"], "limit": 0}, "limit"),
        ({"user_ids": ["u1"], "limit": 0, "explain": "full"}, "limit"),
        ({"user_ids": ["u1"], "limit": 101}, "limit"),
        ({"user_ids": ["u1"], "explain": "everything"}, "explain"),
        ({"user_ids": ["u1"], "cursor": "x"}, "cursor"),
        ({"user_ids": ["u1"], "diversity": 1.5}, "diversity"),
        ({"user_ids": ["u1"], "filter": ["a"]}, "filter.0"),
        ({"user_ids": ["u1"], "limt": 3}, "limt"),
        ([], "body"),
    ],
)
async def test_a_body_that_cannot_be_used_is_422_and_its_field_named(
    client: httpx.AsyncClient, body: Any, field: str
) -> None:
    import json

    headers = {"Content-Type": "application/json"}
    answer = await client.post("/recommendations/batch", content=json.dumps(body), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert len(answer.content) < 2_000


async def test_as_many_items_as_may_be_are_told_in_full_and_a_user_named_twice_counts_once(
    client: httpx.AsyncClient,
) -> None:
    results = await batch(client, ["u1", "u2", "a", "u1"], limit=100, explain="full")
    assert [result["status"] for result in results] == [200] * 4
    assert results[0] == results[3]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"user_ids": ["u1"], "limit": NaN}'])
async def test_what_is_no_json_is_422(client: httpx.AsyncClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/recommendations/batch", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


async def test_a_query_parameter_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/recommendations/batch?limit=3", json={"user_ids": ["u1"]})
    assert answer.status_code == 422


async def test_without_a_release_the_whole_call_is_503(backend: Backend, database: Database, start: Start) -> None:
    async with start(backend.settings(), MemoryStore({})) as client:
        answer = await client.post("/recommendations/batch", json={"user_ids": ["u1"]})
    assert (answer.status_code, answer.json()["code"]) == (503, "no_active_release")
