"""Completion of the knowledge graph, in its three forms. Numbers: tests/app/world.py."""

import httpx
import pytest

from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio


async def complete(client: httpx.AsyncClient, query: str) -> dict[str, object]:
    answer = await client.get(f"/kg/complete?{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


async def test_a_tail_is_completed_without_what_is_stored(client: httpx.AsyncClient, release_id: str) -> None:
    # f2 = 1, director = 1: scott = 2 fits exactly but is stored; cameron = 7 is 5 away.
    assert await complete(client, "head=f2&relation=director") == {
        "query": {"head": "f2", "relation": "director", "tail": None, "target": "tail"},
        "release": release_id,
        "candidates": [
            {
                "rank": 1,
                "label": "James Cameron",
                "score": -5.0,
                "probability": None,
                "known": False,
                "type_ok": True,
                "entity_id": "cameron",
            }
        ],
        "known_excluded": 1,
    }


async def test_known_facts_are_marked_when_they_are_included(client: httpx.AsyncClient) -> None:
    body = await complete(client, "head=f2&relation=director&include_known=true")
    candidates = body["candidates"]
    assert isinstance(candidates, list)
    assert [(c["entity_id"], c["score"], c["known"]) for c in candidates] == [
        ("scott", 0.0, True),
        ("cameron", -5.0, False),
    ]
    assert body["known_excluded"] == 0


async def test_missing_facts_have_a_probability_and_stored_ones_have_none(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    release.calibrated = True
    body = await complete(client, "head=f2&relation=director&include_known=true")
    # scott is stored; cameron is 5 away: 1 / (1 + 5).
    assert [(c["known"], c["probability"]) for c in body["candidates"]] == [  # type: ignore[attr-defined]
        (True, None),
        (False, pytest.approx(1 / 6)),
    ]


async def test_a_head_is_completed_and_without_type_check_anything_may_be_one(client: httpx.AsyncClient) -> None:
    # scott = 2, director = 1: f1 = 0 and f2 = 1 are stored; f3 = 5 is 4 away and f4 = 6 is 5 away.
    typed = await complete(client, "relation=director&tail=scott")
    assert [c["entity_id"] for c in typed["candidates"]] == ["f3", "f4"]  # type: ignore[attr-defined]
    assert typed["known_excluded"] == 2
    untyped = await complete(client, "relation=director&tail=scott&type_check=false&limit=2")
    # horror = 4 is 3 away; scott, who is 1 away from being his own director, is not asked about.
    assert [(c["entity_id"], c["type_ok"]) for c in untyped["candidates"]] == [  # type: ignore[attr-defined]
        ("horror", False),
        ("f3", True),
    ]


async def test_nothing_completes_its_own_fact_but_where_that_is_stored(client: httpx.AsyncClient) -> None:
    queries = "relation=director&tail=scott", "head=scott&relation=director"
    for query in queries:
        body = await complete(client, f"{query}&type_check=false&limit=100&include_known=true")
        assert "scott" not in [c["entity_id"] for c in body["candidates"]]  # type: ignore[attr-defined]
    await client.post("/kg/facts", json=[{"head": "scott", "relation": "director", "tail": "scott"}])
    for query in queries:
        body = await complete(client, f"{query}&type_check=false&limit=100&include_known=true")
        assert ("scott", True) in [(c["entity_id"], c["known"]) for c in body["candidates"]]  # type: ignore[attr-defined]
        body = await complete(client, f"{query}&type_check=false&limit=100")
        assert "scott" not in [c["entity_id"] for c in body["candidates"]]  # type: ignore[attr-defined]


async def test_a_relation_is_completed(client: httpx.AsyncClient) -> None:
    # f2 = 1 to horror = 4: genre = 3 fits exactly, director = 1 is 2 away.
    body = await complete(client, "head=f2&tail=horror")
    assert [(c["relation_id"], c["label"], c["score"]) for c in body["candidates"]] == [  # type: ignore[attr-defined]
        ("genre", None, 0.0),
        ("director", "director", -2.0),
    ]


async def test_each_kind_of_missing_part_has_its_own_answer(client: httpx.AsyncClient) -> None:
    for query, expected in {
        "head=nobody&relation=director": (404, "unknown_entity"),
        "relation=director&tail=nobody": (404, "unknown_entity"),
        "head=f2&relation=nothing": (404, "unknown_relation"),
        "head=f9&relation=director": (409, "not_in_release"),
        "head=f2&relation=late_relation": (409, "not_in_release"),
        "head=&relation=director": (422, "invalid_parameter"),
    }.items():
        answer = await client.get(f"/kg/complete?{query}")
        assert (answer.status_code, answer.json()["code"]) == expected, query
