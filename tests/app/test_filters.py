"""Filters by stored facts and attributes, diversity, and reasons in full."""

from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from app.db.session import Database
from app.db.tables import Entity, Fact, Relation

pytestmark = pytest.mark.anyio


async def ids(client: httpx.AsyncClient, user: str = "u1", **query: Any) -> list[str]:
    answer = await client.get(f"/users/{user}/recommendations", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["director:scott"], ["i2", "i6"]),
        (["genre:horror"], ["i3", "i6"]),
        (["director:scott", "genre:horror"], ["i6"]),
        (["sequel_of:f1"], ["i3"]),
        (["sequel_of:f3"], ["i6"]),
        (["item.title:Titanic"], ["i4"]),
        (["item.title:titanic"], []),
        (["item.entity_id:f1"], ["i6"]),
        (["late_relation:f9"], []),
    ],
)
async def test_only_the_items_that_fit_every_filter_are_listed_best_first(
    client: httpx.AsyncClient, filters: list[str], expected: list[str]
) -> None:
    assert await ids(client, filter=filters) == expected


async def test_folded_in_and_popular_lists_are_filtered_as_well(client: httpx.AsyncClient) -> None:
    assert await ids(client, "late", filter="genre:horror") == ["i6", "i5", "i3"]
    assert await ids(client, "nobody", fallback="popular", filter="genre:horror") == ["i1", "i5", "i3", "i6"]


@pytest.mark.parametrize(
    ("filter_", "status", "code"),
    [
        ("nonsense:scott", 404, "unknown_relation"),
        ("director:nobody", 404, "unknown_entity"),
        ("item.entity_id:nobody", 404, "unknown_entity"),
        ("director", 422, "invalid_query"),
        (":scott", 422, "invalid_query"),
        ("director:", 422, "invalid_query"),
        (":" * 200, 422, "invalid_query"),
    ],
)
async def test_a_filter_that_names_nothing_is_told_by_its_own_code(
    client: httpx.AsyncClient, filter_: str, status: int, code: str
) -> None:
    answer = await client.get("/users/u1/recommendations", params={"filter": filter_})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_ids_with_colons_are_read_in_the_one_way_that_is_stored(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(Relation), [{"relation_id": "http://r"}])
        await connection.execute(insert(Entity), [{"entity_id": "http://e"}, {"entity_id": "e:x"}])
        facts = [
            {"head": "f4", "relation": "http://r", "tail": "http://e"},
            {"head": "f2", "relation": "director", "tail": "e:x"},
        ]
        await connection.execute(insert(Fact), facts)
    assert await ids(client, filter="http://r:http://e") == ["i4"]
    assert await ids(client, filter="director:e:x") == ["i2"]
    async with database.writing() as connection:
        await connection.execute(insert(Relation), [{"relation_id": "director:e"}])
        await connection.execute(insert(Entity), [{"entity_id": "x"}])
    answer = await client.get("/users/u1/recommendations?filter=director:e:x")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")


async def test_a_fact_that_is_stored_now_counts_at_the_next_call(client: httpx.AsyncClient) -> None:
    assert await ids(client, filter="genre:horror") == ["i3", "i6"]
    fact = {"head": "f4", "relation": "genre", "tail": "horror"}
    assert (await client.post("/kg/facts", json=[fact])).status_code < 300
    assert await ids(client, filter="genre:horror") == ["i3", "i6", "i4"]


async def test_diversity_keeps_the_best_first_and_moves_what_is_like_it_down(client: httpx.AsyncClient) -> None:
    assert await ids(client, diversity=0) == ["i2", "i3", "i6", "i4", "i7", "a/b", ".."]
    # With 1, only the distance from what is chosen counts: after i2 (1.1), ".." (6.0), then i7 (2.0, .9 from i2; i3 is
    # 1.7 from i2) — i3.
    assert (await ids(client, diversity=1, limit=3)) == ["i2", "..", "i3"]


async def test_a_reason_in_full_tells_where_the_item_would_stand_without_each_preference(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/users/u1/recommendations?explain=full&limit=2")
    i2, i3 = (item["explanation"] for item in answer.json()["items"])
    # Without director, all go along genre: i3 .2, i7 1, a/b 2, i4 1.6, i6 1.7, i2 1.9, .. 3. i2 is fifth.
    assert i2["preferences"][0]["relation_id"] == "director"
    assert i2["preferences"][0]["without"] == {"score": pytest.approx(-1.9), "rank": 5}
    # Without genre, nothing changes for i2; i3 is 1.8 from director, after i2, i6, i4 and i7.
    assert i2["preferences"][1]["without"] == {"score": pytest.approx(-0.1), "rank": 1}
    assert i3["preferences"][0]["without"] == {"score": pytest.approx(-1.8), "rank": 5}


async def test_a_reason_in_short_has_no_place_without_anything(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/u1/recommendations?explain=summary&limit=1")
    assert "without" not in answer.text
