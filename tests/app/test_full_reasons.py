"""`explain=full`: masked and alone, leaving out, taking back; and in which language it is said."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, insert

from app.db.session import Database
from app.db.tables import GRAPH, Entity, Fact
from app.db.upsert import raise_stamp
from app.ports_people import Person, Place
from app.ports_reasons import FullReason, Tied
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_people import MemoryPeople
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio


async def pair(client: httpx.AsyncClient, item: str = "i2", user: str = "u1", **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/users/{user}/recommendations/{item}/explanation", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["explanation"]
    return found


async def test_a_pair_is_told_in_full(client: httpx.AsyncClient) -> None:
    # u1 = 0. i2 = 1.1 lies .1 from director, 1.9 from genre. By genre alone i3 .2, i7 1, i4 1.6 and i6 1.7 are nearer.
    # Folded in, u1 is half the mean of 1 and 3: i7 0, i4 .6, i6 .7, i3 .8, i2 .9. Of 3 alone 1.5: i3 .3, i7 and a/b .5,
    # i4 1.1, i6 1.2, i2 1.4.
    found = await pair(client, limit=5)
    by_director, by_genre = ({"score": pytest.approx(score), "rank": rank} for score, rank in ((-0.1, 1), (-1.9, 5)))
    assert [(p["without"], p["only"]) for p in found["preferences"]] == [
        (by_genre, by_director),
        (by_director, by_genre),
    ]
    assert (found["rebuilt_score"], found["margin"]) == (pytest.approx(-0.1), pytest.approx(1.8))
    assert [(e["history_item"], e["score_drop"]) for e in found["evidence"]] == [("i1", pytest.approx(0.5))]
    assert found["counterfactual"] == {
        "remove": ["i1"],
        "rank": 6,
        "reference_rank": 5,
        "minimal": True,
        "reason": None,
    }
    assert found["status"] == "grounded"


async def test_an_item_outside_of_the_reference_has_no_counterfactual_and_says_so(client: httpx.AsyncClient) -> None:
    assert (await pair(client, limit=4))["counterfactual"] == {
        "remove": [],
        "rank": None,
        "reference_rank": 5,
        "minimal": False,
        "reason": "not_in_reference",
    }


async def test_a_list_in_full_is_about_its_own_length(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/u1/recommendations", params={"explain": "full", "limit": 5})
    by_item = {item["item_id"]: item["explanation"] for item in answer.json()["items"]}
    assert by_item["i2"] == await pair(client, limit=5)
    assert by_item["i2"]["counterfactual"]["remove"] == ["i1"]


async def test_a_summary_has_none_of_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/u1/recommendations", params={"explain": "summary", "limit": 5})
    for item in answer.json()["items"]:
        found = item["explanation"]
        assert not found.keys() & {"counterfactual", "margin", "rebuilt_score"}
        assert not any({"without", "only"} & preference.keys() for preference in found["preferences"])
        assert not any("score_drop" in evidence for evidence in found["evidence"])


async def test_evidence_stands_by_what_its_history_item_holds_up(client: httpx.AsyncClient) -> None:
    # i3 = 2.8 shares its genre with i1 and i5. Folded in, it lies .8 from 1 + 1; without i1 .3 from 1.5 + 1, without i5
    # .7 from .5 + 3.
    found = await pair(client, "i3")
    assert [(e["history_item"], e["score_drop"]) for e in found["evidence"]] == [
        ("i5", pytest.approx(-0.1)),
        ("i1", pytest.approx(-0.5)),
    ]


async def test_because_is_said_only_where_the_score_falls_without_that_history_item(client: httpx.AsyncClient) -> None:
    # Without i1 the score of i2 falls by .5; i3 lies nearer without i5, and nearer still without i1: its score rises.
    falls, rises = await pair(client, "i2"), await pair(client, "i3")
    assert (falls["status"], rises["status"]) == ("grounded", "grounded")
    assert falls["evidence"][0]["score_drop"] > 0 > rises["evidence"][0]["score_drop"]
    assert falls["text"] == "Because of Alien in your history: the same director, Ridley Scott."
    assert rises["text"] == "Like Halloween in your history: the same genre, horror."
    # Who has met one item alone has none to leave out: nothing was tried.
    only = {"items": ["i1"], "explain": "full", "limit": 100}
    untried = (await client.post("/recommendations", json=only)).json()["items"]
    told = {item["item_id"]: item["explanation"] for item in untried}["i2"]
    assert "score_drop" not in told["evidence"][0]
    assert told["text"] == "Like Alien in your history: the same director, Ridley Scott."


@pytest.mark.parametrize(
    ("joined", "english", "german"),
    [
        (
            [("f2", "director", "f1")],
            "Because of Alien in your history: the two are linked by “director”.",
            "Wegen Alien in Ihrem Verlauf: beide sind durch „director“ verbunden.",
        ),
        (
            [("saga", "director", "f1"), ("saga", "director", "f2")],
            "Because of Alien in your history: saga has both under “director”.",
            "Wegen Alien in Ihrem Verlauf: bei saga stehen beide unter „director“.",
        ),
    ],
)
async def test_because_is_said_of_every_kind_of_tie(
    client: httpx.AsyncClient, database: Database, joined: list[tuple[str, str, str]], english: str, german: str
) -> None:
    async with database.writing() as connection:
        await connection.execute(delete(Fact).where(Fact.head == "f2"))
        await connection.execute(insert(Entity).values(entity_id="saga"))
        await connection.execute(insert(Fact), [{"head": h, "relation": r, "tail": t} for h, r, t in joined])
        await raise_stamp(connection, GRAPH)
    assert [(await pair(client, lang=language))["text"] for language in ("en", "de")] == [english, german]


class OnlyTheRankFalls(MemoryPeople):
    """Masking leaves the score as it was, but others pass."""

    def full_reasons(
        self, person: Person, asked: Sequence[Tied], n: int, *rest: Any, **more: Any
    ) -> Iterator[FullReason]:
        for one in super().full_reasons(person, asked, n, *rest, **more):
            yield replace(one, without={r: Place(one.place.score, one.place.rank + 1) for r in one.without})


async def test_a_rank_that_falls_grounds_a_reason_in_full(
    backend: Backend, database: Database, release_id: str, start: Start
) -> None:
    class Release(MemoryRelease):
        @property
        def people(self) -> MemoryPeople:
            return OnlyTheRankFalls(self)

    # director and genre are equal: masking the one leaves scores as they were.
    flat = world.release(release_id, relations={"director": 1.0, "genre": 1.0})
    others = Release(flat.info, flat.users, flat.items, flat.entities, flat.relations)
    async with start(backend.settings(), MemoryStore({release_id: others})) as client:
        await client.post(f"/releases/{release_id}/activate")
        assert (await pair(client))["status"] == "grounded"
        answer = await client.get("/users/u1/recommendations", params={"explain": "summary"})
    by_item = {item["item_id"]: item["explanation"]["status"] for item in answer.json()["items"]}
    assert by_item["i2"] == "model_only"


async def test_reasons_are_told_in_the_language_that_is_asked_for(client: httpx.AsyncClient) -> None:
    german = "Wie Alien in Ihrem Verlauf: unter „director“ steht bei beiden Ridley Scott."
    english = "Like Alien in your history: the same director, Ridley Scott."
    # Told in full, i1 was left out, and the score fell.
    in_full = {german: german.replace("Wie", "Wegen"), english: english.replace("Like", "Because of")}
    path = "/users/u1/recommendations"
    asked: list[tuple[dict[str, str], dict[str, str], str, str]] = [
        ({"lang": "de"}, {}, "de", german),
        ({}, {"Accept-Language": "fr, de-AT;q=0.9, en;q=0.1"}, "de", german),
        ({"lang": "en"}, {"Accept-Language": "de"}, "en", english),
        ({}, {}, "en", english),
        ({}, {"Accept-Language": "fr"}, "en", english),
    ]
    # All of them by turns, twice: what is cached in one language is not told in another.
    for query, headers, language, text in asked * 2:
        answer = await client.get(path, params={"explain": "summary", **query}, headers=headers)
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == (language, "Accept-Language")
        assert answer.json()["items"][0]["explanation"]["text"] == text
        alone = await client.get(f"{path}/i2/explanation", params=query, headers=headers)
        assert (alone.headers["Content-Language"], alone.json()["explanation"]["text"]) == (language, in_full[text])
    for call in ("/recommendations", "/recommendations/batch"):
        who = {"user_id": "u1"} if call == "/recommendations" else {"user_ids": ["u1"]}
        answer = await client.post(call, json={**who, "explain": "summary", "lang": "de"})
        assert german in answer.text


async def test_a_language_without_a_catalogue_is_refused_by_name(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/u1/recommendations", params={"lang": "fr"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "lang")


async def test_a_list_without_sentences_has_one_answer_in_all_languages(client: httpx.AsyncClient) -> None:
    path = "/users/u1/recommendations"
    german, english = [await client.get(path, headers={"Accept-Language": language}) for language in ("de", "en")]
    # One recommendation_id: the second is the first, kept.
    assert german.content == english.content
