"""Preferences and steering, why an item stands where it stands, and lists that are about nobody."""

import time
from typing import Any

import httpx
import pytest

from app.db.session import Database
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore
from tests.app.test_access import bearer, make_key

pytestmark = pytest.mark.anyio


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def steer(client: httpx.AsyncClient, relation_id: str, multiplier: float, user: str = "u1") -> None:
    answer = await client.put(f"/users/{user}/preferences/{relation_id}", json={"multiplier": multiplier})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"user_id": user, "relation_id": relation_id, "multiplier": multiplier}


async def listed(client: httpx.AsyncClient, user: str = "u1", **query: Any) -> list[str]:
    found = await get(client, f"/users/{user}/recommendations", **{"limit": 100, **query})
    return [item["item_id"] for item in found["items"]]


async def test_preferences_stand_by_share_with_the_items_behind_them(
    client: httpx.AsyncClient, release_id: str
) -> None:
    # Of u1's history, i1 is reached by director and i5 by genre.
    assert await get(client, "/users/u1/preferences") == {
        "user_id": "u1",
        "release": release_id,
        "strategy": "personalized",
        "preferences": [
            {
                "relation_id": name,
                "label": name,
                "weight": 0.5,
                "share": 0.5,
                "multiplier": 1.0,
                "history": [item],
            }
            for name, item in (("director", "i1"), ("genre", "i5"))
        ],
        "steered": [],
    }


async def test_a_user_without_a_history_has_no_preferences_but_may_steer(client: httpx.AsyncClient) -> None:
    await client.put("/users/fresh")
    await steer(client, "genre", 2.0, "fresh")
    found = await get(client, "/users/fresh/preferences")
    assert (found["strategy"], found["preferences"]) == ("popular", [])
    assert found["steered"] == [{"relation_id": "genre", "multiplier": 2.0, "in_release": True}]


async def test_steering_moves_the_next_list_and_deleting_it_restores_the_one_before(client: httpx.AsyncClient) -> None:
    before = await get(client, "/users/u1/recommendations")
    await steer(client, "genre", 0.0)
    # By director alone: i2 .1, i6 .3, i4 .4, i7 1, i3 1.8, a/b 4, .. 5.
    assert await listed(client) == ["i2", "i6", "i4", "i7", "i3", "a/b", ".."]
    profile = await get(client, "/users/u1/preferences")
    assert [(p["relation_id"], p["share"], p["multiplier"]) for p in profile["preferences"]] == [
        ("director", 1.0, 1.0),
        ("genre", 0.0, 0.0),
    ]
    for _ in range(2):
        answer = await client.delete("/users/u1/preferences/genre")
        assert (answer.status_code, answer.json()["multiplier"]) == (200, 1.0)
    assert (await get(client, "/users/u1/recommendations"))["items"] == before["items"]


async def test_a_multiplier_of_1_changes_nothing_and_is_not_kept(client: httpx.AsyncClient) -> None:
    before = await get(client, "/users/u1/recommendations")
    await steer(client, "genre", 0.5)
    await steer(client, "genre", 1.0)
    assert (await get(client, "/users/u1/recommendations"))["items"] == before["items"]
    assert (await get(client, "/users/u1/preferences"))["steered"] == []


async def test_steering_counts_in_batches_reasons_and_for_who_is_folded_in(client: httpx.AsyncClient) -> None:
    for user in ("u1", "late"):
        await steer(client, "genre", 0.0, user)
    body = {"user_ids": ["u1", "late", "u2"], "explain": "summary", "limit": 100}
    results = (await client.post("/recommendations/batch", json=body)).json()["results"]
    for result in results[:2]:
        alone = await get(client, f"/users/{result['user_id']}/recommendations", explain="summary", limit=100)
        items = result["recommendations"]["items"]
        assert items == alone["items"]
        assert {item["explanation"]["preferences"][0]["relation_id"] for item in items} == {"director"}
    # Folded in at .525 and reached at 1.525 alone: i3 lies 1.275 away, i5 1.475.
    assert [item["item_id"] for item in results[1]["recommendations"]["items"]][:5] == ["i4", "i6", "i7", "i3", "i5"]
    others = {i["explanation"]["preferences"][0]["relation_id"] for i in results[2]["recommendations"]["items"]}
    assert others == {"director", "genre"}


async def test_steering_by_one_process_is_seen_by_the_very_next_call_of_another(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), releases) as one, start(backend.settings(), releases) as other:
        for client in (one, other):
            await client.post(f"/releases/{release_id}/activate")
        for multiplier, second in ((0.0, "i6"), (1.0, "i3"), (0.0, "i6")):
            await steer(one, "genre", multiplier)
            for client in (other, one, other):
                assert (await listed(client))[1] == second


@pytest.mark.parametrize(
    "body", [{}, {"multiplier": -0.1}, {"multiplier": 2.1}, {"multiplier": "x"}, {"multiplier": None}]
)
async def test_a_multiplier_outside_of_0_to_2_is_422(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await client.put("/users/u1/preferences/genre", json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["multiplier"])
    raw = await client.put(
        "/users/u1/preferences/genre", content=b'{"multiplier": NaN}', headers={"Content-Type": "application/json"}
    )
    assert raw.status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/users/nobody/preferences/genre", 404, "unknown_user"),
        ("PUT", "/users/nobody/preferences/nothing", 404, "unknown_user"),
        ("PUT", "/users/u1/preferences/nothing", 404, "unknown_relation"),
        ("PUT", "/users/u1/preferences/late_relation", 409, "not_in_release"),
        ("DELETE", "/users/nobody/preferences/genre", 404, "unknown_user"),
        ("DELETE", "/users/u1/preferences/nothing", 404, "unknown_relation"),
        ("GET", "/users/nobody/preferences", 404, "unknown_user"),
        ("GET", "/users/nobody/why-not/i2", 404, "unknown_user"),
        ("GET", "/users/u1/why-not/nothing", 404, "unknown_item"),
        ("GET", "/users/u1/why-not/fresh", 409, "not_in_release"),
        ("GET", "/users/fresh/why-not/i2", 409, "not_in_release"),
        ("GET", "/users/nobody/recommendations/i2/explanation", 404, "unknown_user"),
        ("GET", "/users/u1/recommendations/nothing/explanation", 404, "unknown_item"),
        ("GET", "/users/u1/recommendations/fresh/explanation", 409, "not_in_release"),
        ("GET", "/users/fresh/recommendations/i2/explanation", 409, "not_in_release"),
        ("GET", "/items/nothing/similar", 404, "unknown_item"),
        ("GET", "/items/fresh/similar", 409, "not_in_release"),
        ("GET", "/items/i2/similar?relation=nothing", 404, "unknown_relation"),
        ("GET", "/items/i2/similar?relation=late_relation", 409, "not_in_release"),
        ("GET", "/items/popular?filter=nothing:scott", 404, "unknown_relation"),
        ("GET", "/items/popular?days=0", 422, "invalid_parameter"),
        ("GET", "/users/u1/why-not/i2?limit=101", 422, "invalid_parameter"),
    ],
)
async def test_what_is_not_stored_is_404_and_what_came_after_training_409(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    await client.put("/users/fresh")
    await client.put("/items/fresh", json={})
    answer = await client.request(method, path, json={"multiplier": 0.5} if method == "PUT" else None)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_steering_is_erased_with_the_person(client: httpx.AsyncClient) -> None:
    await steer(client, "genre", 0.0)
    assert (await listed(client))[1] == "i6"
    erased = (await client.delete("/users/u1")).json()
    assert erased["rows"]["steerings"] == 1
    await client.put("/users/u1")
    assert (await get(client, "/users/u1/preferences"))["steered"] == []
    assert (await listed(client, exclude_seen=False))[:2] == ["i1", "i5"]


async def test_a_pair_is_explained_in_full_whether_or_not_it_is_listed(
    client: httpx.AsyncClient, release_id: str
) -> None:
    found = await get(client, "/users/u1/recommendations/i2/explanation", limit=1)
    explanation = found.pop("explanation")
    assert found == {
        "user_id": "u1",
        "item_id": "i2",
        "title": "Gladiator",
        "release": release_id,
        "strategy": "personalized",
        "seen": False,
        "rank": 1,
        "score": pytest.approx(-0.1),
    }
    listed = (await get(client, "/users/u1/recommendations", explain="full", limit=1))["items"][0]
    assert explanation == listed["explanation"]
    seen = await get(client, "/users/u1/recommendations/i1/explanation")
    assert (seen["seen"], seen["rank"], seen["score"]) == (True, 1, 0.0)
    # An item that was met is no reason for itself.
    assert [e["history_item"] for e in seen["explanation"]["evidence"]] == ["i5"]


async def test_why_not_tells_rank_and_gap_and_a_steering_that_works_when_it_is_applied(
    client: httpx.AsyncClient, release_id: str
) -> None:
    found = await get(client, "/users/u1/why-not/i4", limit=3)
    # i2 .1, i3 .2, i6 .3, then i4 .4; without director i3 .2, i7 1, i4 1.6.
    assert found == {
        "user_id": "u1",
        "item_id": "i4",
        "title": "Titanic",
        "release": release_id,
        "strategy": "personalized",
        "limit": 3,
        "seen": False,
        "rank": 4,
        "score": pytest.approx(-0.4),
        "gap": pytest.approx(0.1),
        "best_preference": {"relation_id": "director", "label": "director", "score": pytest.approx(-0.4)},
        "change": {"kind": "steer", "relation_id": "director", "multiplier": 0.0, "items": []},
    }
    assert "i4" not in await listed(client, limit=3)
    await steer(client, found["change"]["relation_id"], found["change"]["multiplier"])
    assert "i4" in await listed(client, limit=3)
    assert (await get(client, "/users/u1/why-not/i4", limit=3))["change"] is None


async def test_why_not_proposes_items_to_like_which_work_when_they_are_liked(client: httpx.AsyncClient) -> None:
    found = await get(client, "/users/u1/why-not/a%2Fb", limit=2)
    assert found["change"] == {"kind": "add", "relation_id": None, "multiplier": None, "items": [".."]}
    assert "a/b" not in await listed(client, limit=2)
    body = {"user_id": "u1", "items": found["change"]["items"], "limit": 2}
    liked = (await client.post("/recommendations", json=body)).json()
    assert [item["item_id"] for item in liked["items"]] == ["i3", "a/b"]
    assert (await get(client, "/users/u1/why-not/..".replace("..", "%2E%2E"), limit=2))["change"] is None


async def test_similar_items_are_nearest_first_and_never_the_item_itself(client: httpx.AsyncClient) -> None:
    found = await get(client, "/items/i2/similar", limit=3)
    assert (found["item_id"], found["relation_id"]) == ("i2", None)
    assert [(i["rank"], i["item_id"], i["score"]) for i in found["items"]] == [
        (1, "i1", pytest.approx(-0.1)),
        (2, "i6", pytest.approx(-0.2)),
        (3, "i4", pytest.approx(-0.3)),
    ]
    assert found["items"][0]["title"] == "Alien"
    under_genre = await get(client, "/items/i2/similar", limit=5, relation="genre")
    assert {i["item_id"] for i in under_genre["items"]} == {"i1", "i6", "i4", "i7", "a/b"}
    await client.delete("/items/i1")
    found = await get(client, "/items/i2/similar", limit=2, exclude="i6")
    assert [i["item_id"] for i in found["items"]] == ["i4", "i7"]


async def popular(client: httpx.AsyncClient, **query: Any) -> list[tuple[str, float]]:
    return [(i["item_id"], i["score"]) for i in (await get(client, "/items/popular", **query))["items"]]


async def test_popular_items_need_no_release(backend: Backend, database: Database, start: Start) -> None:
    async with start(backend.settings(), MemoryStore({})) as client:
        assert await popular(client, limit=2) == [("i1", 3.0), ("i2", 3.0)]
        assert await popular(client, limit=3, filter="genre:horror", exclude="i1") == [
            ("i5", 2.0),
            ("i3", 1.0),
            ("i6", 1.0),
        ]


async def test_trending_counts_the_last_days_only(backend: Backend, database: Database, start: Start) -> None:
    now = int(time.time())
    events = [
        {"event_id": f"t{n}", "user_id": f"fan{n}", "item_id": item, "type": "view", "ts": now - days * 86_400}
        for n, (item, days) in enumerate([("i4", 0), ("i4", 1), ("i7", 2), ("i7", 9), ("i3", 9)])
    ]
    async with start(backend.settings(), MemoryStore({})) as client:
        assert (await client.post("/events", json=events)).json()["accepted"] == 5
        assert await popular(client, days=7) == [("i4", 2.0), ("i7", 1.0)]
        assert await popular(client, days=30) == [("i4", 2.0), ("i7", 2.0), ("i3", 1.0)]


async def test_what_is_popular_with_one_tenant_is_not_told_to_another(
    backend: Backend, database: Database, start: Start
) -> None:
    ours, theirs = await make_key(database), await make_key(database, tenant="other")
    async with start(backend.settings(), MemoryStore({})) as client:
        client.headers.update(bearer(ours))
        assert await popular(client, limit=1) == [("i1", 3.0)]
        client.headers.update(bearer(theirs))
        assert await popular(client, limit=1) == []


async def test_an_item_named_as_a_route_is_read_percent_encoded(client: httpx.AsyncClient) -> None:
    assert (await client.put("/items/popular", json={"title": "Popular"})).status_code == 200
    assert (await get(client, "/items/%70opular"))["title"] == "Popular"
    assert "items" in await get(client, "/items/popular")
    assert (await client.get("/items/popular/similar")).json()["code"] == "not_in_release"
    assert (await client.delete("/items/%70opular")).status_code == 200
    assert (await client.get("/items/%70opular")).json()["code"] == "unknown_item"
