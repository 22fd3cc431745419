"""Reasons: every cited fact is stored, and the sentence claims no more than was checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, update

from app.db.facts import FactRepository
from app.db.session import Database
from app.db.tables import GRAPH, Entity, Fact
from app.db.upsert import raise_stamp
from app.db.versions import VersionReader
from app.ports import Tie
from app.remembered import Remembered
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio


async def reasons(client: httpx.AsyncClient, user: str = "u1", **query: str) -> Mapping[str, Any]:
    params = {"explain": "summary", "limit": "100", **query}
    answer = await client.get(f"/users/{user}/recommendations", params=params)
    assert answer.status_code == 200, answer.text
    return {item["item_id"]: item["explanation"] for item in answer.json()["items"]}


async def test_a_grounded_reason_names_the_stored_facts_under_the_top_preference(client: httpx.AsyncClient) -> None:
    # i2 lies .1 from director and 1.9 from genre; i1, in the history, has the same director.
    assert (await reasons(client))["i2"] == {
        "status": "grounded",
        "mode": "hard",
        "preferences": [
            {"relation_id": "director", "label": "director", "weight": 1.0, "share": 1.0},
            {"relation_id": "genre", "label": "genre", "weight": 0.0, "share": 0.0},
        ],
        "evidence": [
            {
                "history_item": "i1",
                "facts": [["f1", "director", "scott"], ["f2", "director", "scott"]],
                "origin": "stored",
            }
        ],
        "text": "Like Alien in your history: the same director, Ridley Scott.",
    }


async def test_evidence_has_one_tie_for_each_history_item_best_relation_first(client: httpx.AsyncClient) -> None:
    # i3 is nearest by genre, which it shares with i1 and i5 (fan 3); its sequel fact to i1 weighs nothing.
    explanation = (await reasons(client))["i3"]
    assert explanation["status"] == "grounded"
    assert explanation["evidence"] == [
        {"history_item": "i1", "facts": [["f1", "genre", "horror"], ["f3", "genre", "horror"]], "origin": "stored"},
        {"history_item": "i5", "facts": [["f5", "genre", "horror"], ["f3", "genre", "horror"]], "origin": "stored"},
    ]
    assert explanation["text"] == "Like Alien in your history: the same genre, horror."


async def test_an_item_without_facts_is_model_only_and_the_sentence_says_so(client: httpx.AsyncClient) -> None:
    explanation = (await reasons(client))["i7"]
    assert (explanation["status"], explanation["evidence"]) == ("model_only", [])
    assert explanation["text"] == (
        "The model gives most weight to director here; no stored fact was found that ties this to your history."
    )


async def test_two_editions_of_one_work_are_not_tied_by_a_fact_with_itself(client: httpx.AsyncClient) -> None:
    # i6 is the entity of i1. With i5 it shares the genre, but with i1 only its own facts.
    assert [e["history_item"] for e in (await reasons(client))["i6"]["evidence"]] == ["i5"]


async def test_evidence_under_another_relation_is_given_but_grounds_nothing(client: httpx.AsyncClient) -> None:
    # i6 is nearest by director; the genre it shares with i5 is another relation.
    explanation = (await reasons(client))["i6"]
    assert explanation["status"] == "model_only"
    assert explanation["text"] == (
        "The model gives most weight to director here; a stored fact ties this to Halloween in your history by "
        "another relation, genre."
    )


async def test_a_reason_that_the_score_does_not_depend_on_grounds_nothing(
    backend: Backend, database: Database, release_id: str, start: Start
) -> None:
    # director and genre are equal, so masking the one leaves the score as it was.
    flat = world.release(release_id, relations={"director": 1.0, "genre": 1.0})
    async with start(backend.settings(), MemoryStore({release_id: flat})) as client:
        await client.post(f"/releases/{release_id}/activate")
        explanation = (await reasons(client))["i2"]
    assert explanation["status"] == "model_only"
    assert explanation["evidence"][0]["history_item"] == "i1"
    assert explanation["text"] == (
        "A stored fact ties this to Alien in your history by director, but the model would score it no lower without "
        "that."
    )


async def test_an_accepted_fact_marks_the_evidence_that_rests_on_it(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await reasons(client))["i2"]["evidence"][0]["origin"] == "stored"
    async with database.writing() as connection:
        await connection.execute(update(Fact).where(Fact.head == "f2").values(origin="accepted"))
        await raise_stamp(connection, GRAPH)
    # Another limit, as the first answer is cached.
    assert (await reasons(client, limit="99"))["i2"]["evidence"][0]["origin"] == "accepted"


async def test_popular_items_have_no_reason_of_the_model(client: httpx.AsyncClient) -> None:
    assert set((await reasons(client, "nobody", fallback="popular")).values()) == {None}


async def test_every_cited_fact_is_stored(client: httpx.AsyncClient) -> None:
    cited = [
        tuple(fact)
        for explanation in (await reasons(client)).values()
        for evidence in explanation["evidence"]
        for fact in evidence["facts"]
    ]
    assert len(cited) >= 8
    assert set(cited) <= set(world.FACTS)


async def test_an_attribution_that_is_not_finite_gives_no_reason_but_the_item_stays(
    backend: Backend, database: Database, release_id: str, start: Start
) -> None:
    class Broken(MemoryRelease):
        def attribute(self, user_id: str, item_ids: Any) -> Any:
            from dataclasses import replace

            found = super().attribute(user_id, item_ids)
            return [replace(a, score=float("nan")) if a.item_id == "i2" else a for a in found]

    whole = world.release(release_id)
    broken = Broken(whole.info, whole.users, whole.items, whole.entities, whole.relations)
    async with start(backend.settings(), MemoryStore({release_id: broken})) as client:
        await client.post(f"/releases/{release_id}/activate")
        found = await reasons(client)
    assert found["i2"] is None
    assert found["i3"]["status"] == "grounded"


async def ties_between(database: Database, items: list[str], history: list[str]) -> Mapping[str, Sequence[Tie]]:
    """Ties as stored now: nothing is remembered from before."""
    stamps = VersionReader(database)
    (found,) = await FactRepository(database, Remembered(stamps, 60), Remembered(stamps, 60)).ties([(items, history)])
    return found


async def test_a_direct_fact_ties_in_both_directions(database: Database) -> None:
    expected = Tie("i3", "i1", "sequel_of", (("f3", "sequel_of", "f1"),), 1)
    assert expected in (await ties_between(database, ["i3"], ["i1"]))["i3"]
    assert [t for t in (await ties_between(database, ["i1"], ["i3"]))["i1"] if len(t.facts) == 1] == [
        Tie("i1", "i3", "sequel_of", (("f3", "sequel_of", "f1"),), 1)
    ]


async def test_the_fan_counts_all_stored_facts_at_the_shared_entity(database: Database) -> None:
    ties = (await ties_between(database, ["i3"], ["i5"]))["i3"]
    assert [(tie.relation_id, tie.fan) for tie in ties] == [("genre", 3)]


async def test_facts_from_one_entity_tie_what_they_point_to(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(Entity).values(entity_id="saga"))
        rows = [{"head": "saga", "relation": "genre", "tail": tail} for tail in ("f2", "f4")]
        await connection.execute(insert(Fact), rows)
    ties = (await ties_between(database, ["i2"], ["i4"]))["i2"]
    assert ties == [Tie("i2", "i4", "genre", (("saga", "genre", "f4"), ("saga", "genre", "f2")), 2)]


async def test_a_fact_from_an_entity_to_itself_ties_nothing(database: Database) -> None:
    async with database.writing() as connection:
        rows = [
            {"head": "f2", "relation": "sequel_of", "tail": "f2"},
            {"head": "f5", "relation": "sequel_of", "tail": "f2"},
        ]
        await connection.execute(insert(Fact), rows)
    ties = (await ties_between(database, ["i2"], ["i5"]))["i2"]
    assert [tie.facts for tie in ties] == [(("f5", "sequel_of", "f2"),)]


async def test_only_the_500_newest_items_of_a_history_are_looked_at(database: Database) -> None:
    newer = [f"x{n}" for n in range(499)]
    assert await ties_between(database, ["i3"], [*newer, "i5"]) != {}
    assert await ties_between(database, ["i3"], [*newer, "x499", "i5"]) == {}
