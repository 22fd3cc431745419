"""The graph looked up, searched, listed and changed; nothing that was answered before outlives a change."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.session import Database
from app.services.label_index import LabelIndex, fold
from tests.app import world

pytestmark = pytest.mark.anyio
LABELS = {
    "e1": "Amélie",
    "e2": "Amelie Poulain",
    "e3": "James Cameron",
    "e4": "Cameron Crowe",
    "e5": "Łódź",
    "e6": "中文 电影",
    "e7": "Joel Schumacher",
    "e8": "AMELIE",
    "e9": "Straße",
    "e10": "The Schuhmacher",
}
INDEX = LabelIndex(1, [(entity_id, label, label) for entity_id, label in LABELS.items()])


def found(query: str, limit: int = 10) -> list[tuple[str, str]]:
    return [(each.entity_id, each.match) for each in INDEX.search(query, limit)]


def test_equal_labels_come_first_then_beginnings_then_words_then_nearly_equal_ones() -> None:
    assert found("amelie") == [("e1", "exact"), ("e8", "exact"), ("e2", "prefix")]
    # "cameron" begins "cameron crowe", and is the second word of "james cameron".
    assert found("Cameron") == [("e4", "prefix"), ("e3", "word")]
    # schumacher–schumacher 100, schumacher–schuhmacher: 2 * 10 letters in common of 21, 95 %.
    assert found("shumacher") == [("e7", "fuzzy"), ("e10", "fuzzy")]
    assert found("camron crow") == [("e4", "fuzzy")]


def test_accents_capitals_and_letters_that_do_not_come_apart_do_not_matter() -> None:
    assert found("AMÉLIE", 1) == found("ame\u0301lie", 1) == [("e1", "exact")]
    assert found("lodz") == found("ŁÓDŹ") == [("e5", "exact")]
    assert found("strasse") == [("e9", "exact")]
    assert found("电影") == [("e6", "word")]


def test_words_are_found_in_any_order_and_all_of_them_have_to_be_there() -> None:
    assert found("schu jo") == [("e7", "word")]
    assert found("cameron schumacher") == []


def test_a_limit_keeps_the_best_and_signs_alone_find_nothing() -> None:
    assert found("amelie", 2) == found("amelie")[:2]
    assert found(" -- ?! ") == []
    assert found("zzzzzz") == []


@given(st.lists(st.text(max_size=12), max_size=20), st.text(min_size=1, max_size=12))
def test_every_label_that_begins_like_the_query_is_found(labels: list[str], query: str) -> None:
    index = LabelIndex(1, [(str(n), label, label) for n, label in enumerate(labels)])
    ids = {each.entity_id for each in index.search(query, 100)}
    assert ids >= {str(n) for n, label in enumerate(labels) if fold(query) and fold(label).startswith(fold(query))}
    assert len(index.search(query, 100)) == len(ids)


async def test_entities_are_searched_by_label_and_by_the_readable_part_of_an_id(client: httpx.AsyncClient) -> None:
    async def search(query: str) -> list[tuple[str, str | None, str]]:
        answer = await client.get("/kg/entities", params={"query": query})
        assert answer.status_code == 200, answer.text
        return [(each["entity_id"], each["label"], each["match"]) for each in answer.json()["entities"]]

    assert await search("scott") == [("scott", "Ridley Scott", "word")]
    assert await search("rídley  SCOTT") == [("scott", "Ridley Scott", "exact")]
    assert await search("ridlay scot") == [("scott", "Ridley Scott", "fuzzy")]
    assert [each[0] for each in await search("f")] == ["f1", "f2", "f3", "f4", "f5", "f9"]
    iri = "http://dbpedia.org/resource/Caf%C3%A9_Noir"
    assert await search("cafe noir") == []
    fact = {"head": iri, "relation": "genre", "tail": "horror"}
    assert (await client.post("/kg/facts?create_entities=true", json=[fact])).json()["added"] == 1
    assert await search("cafe noir") == [(iri, None, "exact")]


@pytest.mark.parametrize("query", ["", "?query=", "?query=" + "x" * 201, "?query=a%00", "?query=a&limit=101"])
async def test_a_search_that_makes_no_sense_is_422(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/kg/entities{query}")).status_code == 422


async def test_an_entity_tells_its_items_and_counts_its_facts(client: httpx.AsyncClient) -> None:
    # f1 is i1 and i6; director scott, genre horror, and f3 is its sequel.
    assert (await client.get("/kg/entities/f1")).json() == {
        "entity_id": "f1", "label": None, "item_ids": ["i1", "i6"], "n_facts": 3,
    }  # fmt: skip
    await client.delete("/items/i6")
    assert (await client.get("/kg/entities/f1")).json()["item_ids"] == ["i1"]
    missing = await client.get("/kg/entities/not%2Fthere")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_entity")


async def test_relations_are_paged_in_order(client: httpx.AsyncClient) -> None:
    first = (await client.get("/kg/relations?limit=3")).json()
    assert [each["relation_id"] for each in first["relations"]] == ["director", "genre", "late_relation"]
    second = (await client.get(f"/kg/relations?limit=3&cursor={first['next_cursor']}")).json()
    assert second == {"relations": [{"relation_id": "sequel_of", "label": None}], "next_cursor": None}


async def facts(client: httpx.AsyncClient, query: str = "") -> list[tuple[str, str, str]]:
    seen: list[tuple[str, str, str]] = []
    cursor = ""
    while True:
        answer = await client.get(f"/kg/facts?limit=3{query}{cursor}")
        assert answer.status_code == 200, answer.text
        seen += [(f["head"], f["relation"], f["tail"]) for f in answer.json()["facts"]]
        if answer.json()["next_cursor"] is None:
            return seen
        cursor = f"&cursor={answer.json()['next_cursor']}"


async def test_facts_are_listed_by_any_of_their_parts(client: httpx.AsyncClient) -> None:
    assert await facts(client) == world.FACTS
    assert await facts(client, "&head=f3") == [fact for fact in world.FACTS if fact[0] == "f3"]
    assert await facts(client, "&relation=genre&tail=horror") == [f for f in world.FACTS if f[2] == "horror"]
    assert await facts(client, "&head=f9") == []
    for query, code in (("head=x", "unknown_entity"), ("relation=x", "unknown_relation"), ("tail=x", "unknown_entity")):
        answer = await client.get(f"/kg/facts?{query}")
        assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_duplicates_and_unknown_parts_are_told_by_place_and_the_others_are_stored(
    client: httpx.AsyncClient,
) -> None:
    def fact(head: str, relation: str, tail: str) -> dict[str, str]:
        return {"head": head, "relation": relation, "tail": tail}

    answer = await client.post(
        "/kg/facts",
        json=[
            fact("f1", "director", "scott"),
            fact("f9", "director", "scott"),
            fact("f9", "composer", "scott"),
            fact("f9", "director", "scott"),
            fact("new", "genre", "horror"),
            fact("f9", "genre", "also new"),
        ],
    )
    assert answer.json() == {
        "added": 1,
        "duplicates": [0, 3],
        "rejected": [
            {"index": 2, "field": "relation", "code": "unknown_relation"},
            {"index": 4, "field": "head", "code": "unknown_entity"},
            {"index": 5, "field": "tail", "code": "unknown_entity"},
        ],
    }
    assert await facts(client) == [*world.FACTS, ("f9", "director", "scott")]
    # With entities created; an unknown relation still is one, and creates nobody.
    again = await client.post(
        "/kg/facts?create_entities=true", json=[fact("new", "genre", "horror"), fact("x", "composer", "y")]
    )
    assert again.json()["added"] == 1
    assert again.json()["rejected"] == [{"index": 1, "field": "relation", "code": "unknown_relation"}]
    assert (await client.get("/kg/entities/new")).status_code == 200
    assert (await client.get("/kg/entities/x")).status_code == 404


async def test_a_removed_fact_is_gone_and_removing_it_again_is_told(client: httpx.AsyncClient) -> None:
    query = {"head": "f1", "relation": "director", "tail": "scott"}
    assert (await client.delete("/kg/facts", params=query)).json() == query | {"removed": True}
    assert await facts(client) == world.FACTS[1:]
    missing = await client.delete("/kg/facts", params=query)
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_fact")
    incomplete = await client.delete("/kg/facts", params={"head": "f1"})
    assert incomplete.status_code == 422


async def test_no_cached_explanation_outlives_a_fact(client: httpx.AsyncClient) -> None:
    path = "/users/u1/recommendations?explain=summary&limit=1"

    async def evidence() -> Any:
        (item,) = (await client.get(path)).json()["items"]
        assert item["item_id"] == "i2"
        return [tie["facts"] for tie in item["explanation"]["evidence"]]

    tie = [[["f1", "director", "scott"], ["f2", "director", "scott"]]]
    assert [sorted(each) for each in await evidence()] == tie
    query = {"head": "f1", "relation": "director", "tail": "scott"}
    await client.delete("/kg/facts", params=query)
    assert await evidence() == []
    await client.post("/kg/facts", json=[query])
    assert [sorted(each) for each in await evidence()] == tie


async def test_completion_knows_a_fact_from_the_next_call_on(client: httpx.AsyncClient) -> None:
    path = "/kg/complete?head=f5&relation=director&type_check=false"
    ids = [each["entity_id"] for each in (await client.get(path)).json()["candidates"]]
    assert "cameron" in ids
    await client.post("/kg/facts", json=[{"head": "f5", "relation": "director", "tail": "cameron"}])
    body = (await client.get(path)).json()
    assert "cameron" not in [each["entity_id"] for each in body["candidates"]]
    assert body["known_excluded"] == 1


async def test_an_import_changes_what_is_found(client: httpx.AsyncClient, database: Database) -> None:
    assert (await client.get("/kg/entities?query=blade")).json()["entities"] == []
    await world.store(database, {"entities": [{"entity_id": "f10", "label": "Blade Runner"}]})
    (entity,) = (await client.get("/kg/entities?query=blade")).json()["entities"]
    assert (entity["entity_id"], entity["match"]) == ("f10", "prefix")
