"""Gaps, predicted facts, and what becomes of them when people decide. Numbers: tests/app/world.py.

Of the five entities of items, four have a director and three a genre: f2 (met by late, a:b, all) and f4 (all) lack a
genre, f5 (u1, all) a director. Distances: f2 + genre = 4 is horror; f5 + director = 10 is 3 from cameron, 8 from scott;
f4 + genre = 9 is 5 from horror.
"""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.db.gaps import GapRepository
from app.db.knowledge import KnowledgeRepository
from app.db.labels import relation_repository
from app.db.review import ReviewRepository
from app.db.session import Database
from app.db.tables import Candidate, Fact, Tenant
from app.db.upsert import upsert
from app.errors import UnknownCandidate
from app.ports import CompletionQuery
from app.review import CandidateFilter, Decision, GapPage
from app.routers.access import needed_scope
from app.schemas.predictions import iri
from app.services.predictions import PredictionService, Wanted
from app.services.scoring import ScoringPool
from app.tenancy import of_tenant
from tests.app import world
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio
F2_HORROR, F5_CAMERON = ("f2", "genre", "horror"), ("f5", "director", "cameron")
F5_SCOTT, F4_HORROR = ("f5", "director", "scott"), ("f4", "genre", "horror")


async def get(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def predict(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    answer = await client.post("/kg/candidates", json=wanted)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def candidates(client: httpx.AsyncClient, query: str = "") -> dict[tuple[str, str, str], dict[str, Any]]:
    found = (await get(client, f"/kg/candidates?{query}"))["candidates"]
    return {(each["head"], each["relation"], each["tail"]): each for each in found}


async def decide(
    client: httpx.AsyncClient, fact: tuple[str, str, str], decision: str, by: str = "anna"
) -> httpx.Response:
    return await decide_by_id(client, (await candidates(client))[fact]["candidate_id"], decision, by)


async def decide_by_id(client: httpx.AsyncClient, candidate_id: int, decision: str, by: str = "anna") -> httpx.Response:
    body = {"decision": decision, "by": by, "reason": "looked it up"}
    return await client.post(f"/kg/candidates/{candidate_id}/decision", json=body)


async def completed(client: httpx.AsyncClient, query: str) -> list[str]:
    body = await get(client, f"/kg/complete?{query}")
    return [each.get("entity_id") or each["relation_id"] for each in body["candidates"]]


async def evidence_of_i2(client: httpx.AsyncClient) -> dict[str, tuple[str, list[list[str]]]]:
    body = await get(client, "/users/u1/recommendations?explain=summary")
    explained = next(item["explanation"] for item in body["items"] if item["item_id"] == "i2")
    return {each["history_item"]: (each["origin"], each["facts"]) for each in explained["evidence"]}


async def test_gaps_are_ranked_by_the_people_they_touch(client: httpx.AsyncClient) -> None:
    body = await get(client, "/kg/gaps")
    found = [(gap["head"], gap["relation"], gap["users"], gap["share"]) for gap in body["gaps"]]
    assert found == [("f2", "genre", 3, 0.6), ("f5", "director", 2, 0.8), ("f4", "genre", 1, 0.6)]
    assert body["gaps"][1]["relation_label"] == "director"
    assert body["next_cursor"] is None


async def test_what_few_items_have_is_missing_only_where_it_is_asked_for(client: httpx.AsyncClient) -> None:
    body = await get(client, "/kg/gaps?relation=sequel_of&least_share=0.2")
    # All but f3, which is a sequel. i1 and i6 are f1: u1, late and all met it, each once.
    assert [(gap["head"], gap["users"]) for gap in body["gaps"]] == [("f1", 3), ("f2", 3), ("f5", 2), ("f4", 1)]
    assert (await get(client, "/kg/gaps?relation=sequel_of"))["gaps"] == []
    assert (await get(client, "/kg/gaps?relation=late_relation&least_share=0"))["gaps"] == []
    assert (await client.get("/kg/gaps?relation=nothing")).json()["code"] == "unknown_relation"


async def test_pages_of_gaps_hold_each_gap_once(client: httpx.AsyncClient) -> None:
    whole = (await get(client, "/kg/gaps?least_share=0.2"))["gaps"]
    found, cursor = list[Any](), ""
    while cursor is not None:
        page = await get(client, f"/kg/gaps?least_share=0.2&limit=2&{cursor and 'cursor=' + cursor}")
        found += page["gaps"]
        cursor = page["next_cursor"]
    assert found == whole
    assert len(whole) == 7  # the three above, and those of sequel_of
    assert (await client.get("/kg/gaps?cursor=WzFd")).json()["code"] == "invalid_query"


async def test_a_page_ends_after_so_many_heads_and_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.gaps.MAX_HEADS", 2)
    repository, found, after = GapRepository(database), list[tuple[str, str]](), None
    for _ in range(9):
        page: GapPage = await repository.gaps("genre", 0.5, 10, after)
        found += [(gap.head, gap.relation) for gap in page.gaps]
        after = page.next
        if after is None:
            break
    assert found == [("f2", "genre"), ("f4", "genre")]


async def test_whom_a_list_showed_an_item_is_touched_too_and_nobody_twice(
    client: httpx.AsyncClient, database: Database
) -> None:
    # u2 met nothing; u1 met i5 and i1, which is f1 as i6 is.
    shown = [("u2", "i4", "impression"), ("u2", "i4", "click"), ("u1", "i5", "impression"), ("u1", "i6", "click"),
             ("u2", "i6", "impression")]  # fmt: skip
    events = [
        {"event_id": f"e{k}", "user_id": user, "item_id": item, "type": kind}
        for k, (user, item, kind) in enumerate(shown)
    ]
    assert (await client.post("/events", json=events)).json()["accepted"] == 5
    page = await GapRepository(database).gaps(None, 0.5, 10, None)
    assert [(gap.head, gap.n_users) for gap in page.gaps] == [("f2", 3), ("f4", 2), ("f5", 2)]
    page = await GapRepository(database).gaps("sequel_of", 0.2, 1, None)
    assert [(gap.head, gap.n_users) for gap in page.gaps] == [("f1", 4)]


async def test_candidates_are_predicted_for_the_gaps_in_their_order(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    release.calibrated = True
    made = await predict(client)
    assert made == {"release": release_id, "gaps": 3, "not_in_release": 0, "predicted": 4, "open": 4}
    found = await candidates(client)
    assert list(found) == [F2_HORROR, F5_CAMERON, F5_SCOTT, F4_HORROR]
    assert [each["score"] for each in found.values()] == [0.0, -3.0, -8.0, -5.0]
    assert [each["probability"] for each in found.values()] == pytest.approx([1.0, 1 / 4, 1 / 9, 1 / 6])
    assert [each["users"] for each in found.values()] == [3, 2, 2, 1]
    told = found[F5_CAMERON]
    assert (told["tail_label"], told["state"], told["release"]) == ("James Cameron", "open", release_id)
    assert list(await candidates(client, "least_probability=0.25")) == [F2_HORROR, F5_CAMERON]
    assert list(await candidates(client, "relation=genre")) == [F2_HORROR, F4_HORROR]
    assert list(await candidates(client, "head=f5")) == [F5_CAMERON, F5_SCOTT]
    assert list(await candidates(client, "head=f5&tail=scott")) == [F5_SCOTT]
    assert list(await candidates(client, "tail=horror")) == [F2_HORROR, F4_HORROR]
    assert list(await candidates(client, "head=horror")) == []
    first = await get(client, "/kg/candidates?limit=3")
    rest = await get(client, f"/kg/candidates?limit=3&cursor={first['next_cursor']}")
    assert (len(first["candidates"]), len(rest["candidates"]), rest["next_cursor"]) == (3, 1, None)


async def test_predicting_is_bounded_and_again_is_once(client: httpx.AsyncClient) -> None:
    assert (await predict(client, gaps=2, per_gap=1))["predicted"] == 2
    assert list(await candidates(client)) == [F2_HORROR, F5_CAMERON]
    before = await candidates(client)
    assert (await predict(client, gaps=2, per_gap=1))["open"] == 2
    assert await candidates(client) == before
    assert (await client.post("/kg/candidates", json={"gaps": 201})).status_code == 422


async def test_an_accepted_fact_is_evidence_after_it_is_accepted_and_not_before(client: httpx.AsyncClient) -> None:
    await predict(client)
    before = await evidence_of_i2(client)
    assert before == {"i1": ("stored", [["f1", "director", "scott"], ["f2", "director", "scott"]])}
    answer = await decide(client, F2_HORROR, "accept")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["state"], told["decided_by"], told["reason"]) == ("accepted", "anna", "looked it up")
    assert told["decided_at"].endswith("Z")
    after = await evidence_of_i2(client)
    assert after == {**before, "i5": ("accepted", [["f5", "genre", "horror"], ["f2", "genre", "horror"]])}
    facts = (await get(client, "/kg/facts?head=f2&relation=genre"))["facts"]
    labels = {"head_label": None, "relation_label": None, "tail_label": "horror"}
    assert facts == [{"head": "f2", "relation": "genre", "tail": "horror", "origin": "accepted", **labels}]
    assert F2_HORROR not in await candidates(client)
    assert list(await candidates(client, "state=accepted")) == [F2_HORROR]
    assert [gap["head"] for gap in (await get(client, "/kg/gaps"))["gaps"]] == ["f5", "f4"]


async def test_a_rejected_fact_never_returns_in_any_form_nor_from_another_release(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    await predict(client)
    forms = {
        "head=f5&relation=director": "cameron",
        "relation=director&tail=cameron": "f5",
        "head=f5&tail=cameron": "director",
    }
    for query, answer in forms.items():
        assert answer in await completed(client, f"{query}&type_check=false&limit=100")
    assert (await decide(client, F5_CAMERON, "reject")).json()["state"] == "rejected"
    releases.releases[f"{release_id}-next"] = world.release(f"{release_id}-next")
    for release in (release_id, f"{release_id}-next"):
        assert (await client.post(f"/releases/{release}/activate")).status_code == 200
        assert (await predict(client))["release"] == release
        for query, answer in forms.items():
            for more in ("", "&type_check=false", "&include_known=true"):
                assert answer not in await completed(client, f"{query}&limit=100{more}")
        assert list(await candidates(client)) == [F2_HORROR, F5_SCOTT, F4_HORROR]
        exported = await client.get("/kg/predictions/export?least_score=-100")
        assert "f5\tdirector\tscott\t" in exported.text
        assert "f5\tdirector\tcameron\t" not in exported.text
    assert list(await candidates(client, "state=rejected")) == [F5_CAMERON]
    assert {each["release"] for each in (await candidates(client)).values()} == {f"{release_id}-next"}


async def test_a_decision_about_a_candidate_that_was_replaced_meets_no_other_one(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    await predict(client)
    seen = {each["candidate_id"] for each in (await candidates(client)).values()}
    releases.releases[f"{release_id}-next"] = world.release(f"{release_id}-next")
    assert (await client.post(f"/releases/{release_id}-next/activate")).status_code == 200
    await predict(client, gaps=1, per_gap=1)
    kept = {each["candidate_id"] for each in (await candidates(client)).values()}
    await client.post(f"/releases/{release_id}/activate")
    await predict(client, gaps=2)
    new = {each["candidate_id"] for each in (await candidates(client)).values()} - kept
    assert len(new) >= 1
    assert not new & seen
    for candidate_id in seen - kept:
        assert (await decide_by_id(client, candidate_id, "reject")).status_code == 404
    assert await candidates(client, "state=rejected") == {}


async def test_rejected_facts_are_no_known_ones_and_one_stored_all_the_same_is(client: httpx.AsyncClient) -> None:
    await predict(client)
    await decide(client, F5_CAMERON, "reject")
    assert (await get(client, "/kg/complete?head=f5&relation=director"))["known_excluded"] == 0
    await client.post("/kg/facts", json=[dict(zip(("head", "relation", "tail"), F5_CAMERON, strict=True))])
    body = await get(client, "/kg/complete?head=f5&relation=director&include_known=true")
    assert [(each["entity_id"], each["known"]) for each in body["candidates"]] == [("cameron", True), ("scott", False)]


async def test_a_candidate_is_decided_once(client: httpx.AsyncClient, database: Database) -> None:
    await predict(client)
    candidate_id = (await candidates(client))[F2_HORROR]["candidate_id"]
    path = f"/kg/candidates/{candidate_id}/decision"
    first = await client.post(path, json={"decision": "accept", "by": "anna"})
    again = await client.post(path, json={"decision": "accept", "by": "ben"})
    assert again.json() == first.json()
    other = await client.post(path, json={"decision": "reject", "by": "ben"})
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")
    async with database.reading() as connection:
        origins = (await connection.execute(select(Fact.origin).where(Fact.head == "f2", Fact.tail == "horror"))).all()
    assert origins == [("accepted",)]


async def test_of_two_opposite_decisions_at_once_one_holds(client: httpx.AsyncClient) -> None:
    await predict(client)
    open_ones = await candidates(client)  # looked up once: a decided one is no longer among them
    for fact in (F2_HORROR, F5_CAMERON, F4_HORROR):
        candidate_id = open_ones[fact]["candidate_id"]
        both = await asyncio.gather(*(decide_by_id(client, candidate_id, verdict) for verdict in ("accept", "reject")))
        assert sorted(answer.status_code for answer in both) == [200, 409]
        winner = next(answer.json() for answer in both if answer.status_code == 200)
        stored = (await get(client, f"/kg/facts?head={fact[0]}&relation={fact[1]}"))["facts"]
        assert bool(stored) == (winner["state"] == "accepted")


async def test_a_fact_stored_meanwhile_is_no_candidate_and_keeps_its_origin(client: httpx.AsyncClient) -> None:
    await predict(client)
    candidate_id = (await candidates(client))[F2_HORROR]["candidate_id"]
    await client.post("/kg/facts", json=[dict(zip(("head", "relation", "tail"), F2_HORROR, strict=True))])
    assert F2_HORROR not in await candidates(client)
    answer = await client.post(f"/kg/candidates/{candidate_id}/decision", json={"decision": "accept", "by": "anna"})
    assert answer.status_code == 200
    assert (await get(client, "/kg/facts?head=f2&relation=genre"))["facts"][0]["origin"] == "stored"


@pytest.mark.parametrize("candidate_id", ["0", "-1", "1e3", "x", "99999", "9" * 40, "%EF%BC%91", "17%2F2"])
async def test_an_id_that_no_candidate_has_is_404(client: httpx.AsyncClient, candidate_id: str) -> None:
    answer = await client.post(f"/kg/candidates/{candidate_id}/decision", json={"decision": "accept", "by": "anna"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_candidate")


@pytest.mark.parametrize(
    "body",
    [{}, {"decision": "maybe", "by": "a"}, {"decision": "accept"}, {"decision": "accept", "by": " "},
     {"decision": "accept", "by": "a\x00"}, {"decision": "accept", "by": "a", "reason": "x" * 2001},
     {"decision": "accept", "by": "a", "more": 1}],
)  # fmt: skip
async def test_a_decision_without_a_verdict_or_a_person_is_none(client: httpx.AsyncClient, body: Any) -> None:
    await predict(client)
    candidate_id = (await candidates(client))[F2_HORROR]["candidate_id"]
    assert (await client.post(f"/kg/candidates/{candidate_id}/decision", json=body)).status_code == 422
    assert F2_HORROR in await candidates(client)


async def test_the_export_holds_every_missing_fact_above_the_bound_and_no_other(client: httpx.AsyncClient) -> None:
    answer = await client.get("/kg/predictions/export?least_score=-5")
    assert answer.headers["content-type"].startswith("text/tab-separated-values")
    assert answer.text.splitlines() == [
        "head\trelation\ttail\tscore\tprobability",
        "f2\tdirector\tcameron\t-5.0\t",
        "f3\tdirector\tscott\t-4.0\t",
        "f4\tdirector\tscott\t-5.0\t",
        "f5\tdirector\tcameron\t-3.0\t",
        "f2\tgenre\thorror\t-0.0\t",
        "f4\tgenre\thorror\t-5.0\t",
    ]
    triples = await client.get("/kg/predictions/export?least_score=-5&relation=genre&format=ntriples")
    assert triples.headers["content-type"].startswith("application/n-triples")
    line = "<urn:ktup:entity:{}> <urn:ktup:relation:genre> <urn:ktup:entity:horror> .\n"
    assert triples.text == line.format("f2") + line.format("f4")


async def test_the_export_is_bounded_by_probability_where_there_is_one(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    refused = await client.get("/kg/predictions/export?least_probability=0.2")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "least_probability")
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    release.calibrated = True
    answer = await client.get("/kg/predictions/export?least_probability=0.2")
    # Probabilities are 1 / (1 + distance).
    found = [line.split("\t") for line in answer.text.splitlines()[1:]]
    assert [(*row[:3], float(row[4])) for row in found] == [
        ("f3", "director", "scott", 0.2), ("f5", "director", "cameron", 0.25), ("f2", "genre", "horror", 1.0),
    ]  # fmt: skip


async def test_the_export_says_what_is_wrong_before_it_begins(client: httpx.AsyncClient) -> None:
    for query, expected in {
        "": (422, "invalid_query"),
        "least_score=nan": (422, "invalid_parameter"),
        "least_score=0&per_query=0": (422, "invalid_parameter"),
        "least_score=0&relation=nothing": (404, "unknown_relation"),
        "least_score=0&relation=late_relation": (409, "not_in_release"),
    }.items():
        answer = await client.get(f"/kg/predictions/export?{query}")
        assert (answer.status_code, answer.json()["code"]) == expected, query


def test_different_ids_are_different_iris_and_only_iris_stand_as_they_are() -> None:
    assert iri("entity", "http://x.org/a(b)_Ł") == "http://x.org/a(b)_Ł"
    assert iri("entity", "m.0x") == "urn:ktup:entity:m.0x"
    assert iri("entity", "http://x.org/a b") == "urn:ktup:entity:http%3A%2F%2Fx.org%2Fa%20b"
    ids = ["a", "urn:ktup:entity:a", "a>", "a%3E", "a:b", "a\tb", "中文", "http://x.org/\x7f"]
    assert len({iri("entity", each) for each in ids}) == len(ids)
    assert not any(set(iri("entity", each)) & set('<>"{}|^`\\ \t') for each in ids)


async def test_candidates_and_decisions_stay_within_their_tenant(database: Database, client: httpx.AsyncClient) -> None:
    await predict(client)
    numbers = {fact: int(each["candidate_id"]) for fact, each in (await candidates(client)).items()}
    async with database.writing() as connection:
        await connection.execute(upsert(connection.dialect.name, Tenant).values(tenant_id=7, name="other"))
    reviews, rejection = ReviewRepository(database), Decision("reject", "eve", None)
    await reviews.decide(numbers[F5_CAMERON], rejection)
    with of_tenant(7):
        assert await reviews.candidates(CandidateFilter(), 10, 0) == []
        assert await reviews.rejected(CompletionQuery("f5", "director", None)) == frozenset()
        assert await reviews.settled("director", ["f5"]) == {}
        assert await reviews.propose("r", []) == 0
        assert (await GapRepository(database).gaps(None, 0.0, 10, None)).gaps == ()
        with pytest.raises(UnknownCandidate):
            await reviews.decide(numbers[F2_HORROR], rejection)
    async with database.reading() as connection:
        assert len((await connection.execute(select(Candidate.id))).all()) == 4


def test_reading_needs_the_scope_read_and_deciding_write() -> None:
    assert {needed_scope("GET", f"/kg/{path}") for path in ("gaps", "candidates", "predictions/export")} == {"read"}
    assert {needed_scope("POST", f"/kg/candidates{path}") for path in ("", "/17/decision")} == {"write"}


async def test_an_export_asks_for_no_more_than_is_taken(database: Database) -> None:
    release, asked = world.release(), list[str]()

    class Endless(GapRepository):
        async def heads(self, relation: str, limit: int, after: str) -> list[str]:
            asked.append(after)
            return [f"{after}x{k:03}" for k in range(limit)]

    class Active:
        def current(self) -> MemoryRelease:
            return release

    reviews, scoring = ReviewRepository(database), ScoringPool(1, 0)
    knowledge, relations = KnowledgeRepository(database), relation_repository(database)
    service = PredictionService(Endless(database), reviews, knowledge, relations, Active(), scoring)
    pieces = await service.predictions(Wanted("director", -5.0, None, 3))
    taken = [await anext(pieces) for _ in range(14)]
    assert taken == [[]] * 14  # nobody knows these heads
    assert asked == ["", "x199"]  # 200 heads, 16 at once: 13 pieces, and one of the next 200


async def test_an_export_waits_where_others_are_scored(client: httpx.AsyncClient, database: Database) -> None:
    release, scoring = world.release(), ScoringPool(1, 0)
    release.gate.clear()

    class Active:
        def current(self) -> MemoryRelease:
            return release

    gaps, reviews, knowledge = GapRepository(database), ReviewRepository(database), KnowledgeRepository(database)
    relations = relation_repository(database)
    other = asyncio.create_task(scoring.run(release.recommend, "u1", 3))
    await asyncio.sleep(0)
    service = PredictionService(gaps, reviews, knowledge, relations, Active(), scoring)
    pieces = await service.predictions(Wanted("genre", -5.0, None, 3))
    first = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0.05)
    assert not first.done()
    release.gate.set()
    assert [each.fact for each in await first] == [F2_HORROR, F4_HORROR]
    assert len(await other) == 3
