"""The rows of the contract that are calls: what each gives, in its essence; other tests go into the depths."""

import pytest

from tests.app import world
from tests.app.contract_place import Case, Place, cases_of, good
from tests.app.test_access import bearer, make_key

PARTS = ("head", "relation", "tail")
CALLS: dict[str, Case] = {}
call = cases_of(CALLS)


# Recommend


@call("GET /users/{user_id}/recommendations")
async def recommendations(place: Place) -> None:
    body = await place.get("/users/u1/recommendations", limit=2, explain="full")
    assert (body["user_id"], body["release"], body["strategy"]) == ("u1", place.release_id, "personalized")
    assert [(item["rank"], item["item_id"]) for item in body["items"]] == [(1, "i2"), (2, "i3")]
    assert body["items"][0]["explanation"]["preferences"][0]["without"]["rank"] >= 1
    assert await place.listed(exclude=["i2", "i3"], limit=1) == ["i6"]
    assert "i1" in await place.listed(exclude_seen="false")
    assert await place.listed(filter="director:cameron") == ["i3", "i4"]
    assert await place.listed(filter="item.title:Titanic") == ["i4"]
    assert (await place.listed(diversity=1))[0] == "i2"
    following = await place.listed(limit=2, cursor=body["next_cursor"])
    assert (following, set(following) & {"i2", "i3"}) == (["i6", "i4"], set())


@call("POST /recommendations")
async def recommendations_by_body(place: Place) -> None:
    known = await place.call("POST", "/recommendations", {"user_id": "u1"})
    assert [i["item_id"] for i in known["items"]] == await place.listed()
    session = await place.call("POST", "/recommendations", {"items": ["i1", "i2"]})
    assert (session["user_id"], session["strategy"]) == (None, "fold_in")
    assert not {"i1", "i2"} & {item["item_id"] for item in session["items"]}


@call("POST /recommendations/batch")
async def batch(place: Place) -> None:
    body = await place.call("POST", "/recommendations/batch", {"user_ids": ["u1", "nobody"]})
    assert [(result["user_id"], result["status"]) for result in body["results"]] == [("u1", 200), ("nobody", 404)]
    too_many = {"user_ids": [f"u{n}" for n in range(1_001)]}
    await place.refused(422, "invalid_parameter", "POST", "/recommendations/batch", json=too_many)


@call("GET /users/{user_id}/recommendations/{item_id}/explanation")
async def explanation(place: Place) -> None:
    body = await place.get("/users/u1/recommendations/i2/explanation")
    found = body["explanation"]
    assert (body["rank"], found["status"]) == (1, "grounded")
    assert found["evidence"][0]["facts"] == [["f1", "director", "scott"], ["f2", "director", "scott"]]


@call("GET /users/{user_id}/why-not/{item_id}")
async def why_not(place: Place) -> None:
    body = await place.get("/users/u1/why-not/i4", limit=1)
    assert (body["rank"], body["best_preference"]["relation_id"]) == (4, "director")
    assert body["gap"] == pytest.approx(0.3)
    assert "change" in body


@call("GET /users/{user_id}/preferences")
async def preferences(place: Place) -> None:
    found = (await place.get("/users/u1/preferences"))["preferences"]
    assert {p["relation_id"]: p["history"] for p in found} == {"director": ["i1"], "genre": ["i5"]}


@call("PUT / DELETE /users/{user_id}/preferences/{relation_id}")
async def steering(place: Place) -> None:
    before = await place.listed()
    path = "/users/u1/preferences/genre"
    for multiplier, same in ((1, True), (0, False)):
        await place.call("PUT", path, {"multiplier": multiplier})
        assert (await place.listed() == before) is same
    await place.call("DELETE", path)
    assert await place.listed() == before
    await place.refused(422, "invalid_parameter", "PUT", path, json={"multiplier": 2.1})


@call("GET /items/{item_id}/similar")
async def similar(place: Place) -> None:
    assert (await place.listed("/items/i1/similar"))[0] == "i2"
    body = await place.get("/items/i1/similar", relation="director")
    assert body["relation_id"] == "director"


@call("GET /items/popular")
async def popular(place: Place) -> None:
    # i1 and i2 were met three times each.
    assert (await place.listed("/items/popular"))[:2] == ["i1", "i2"]


# Knowledge graph


@call("GET /kg/complete")
async def complete(place: Place) -> None:
    body = await place.get("/kg/complete", head="f1", relation="director", type_check="false")
    assert (body["query"]["target"], body["known_excluded"]) == ("tail", 1)
    assert "scott" not in [c["entity_id"] for c in body["candidates"]]
    assert all(set(c) >= {"rank", "score", "probability", "known", "type_ok"} for c in body["candidates"])
    known = await place.get("/kg/complete", head="f1", relation="director", include_known="true")
    assert "scott" in [c["entity_id"] for c in known["candidates"]]
    typed = {c["entity_id"] for c in known["candidates"]}
    assert typed <= {"scott", "cameron"}
    heads = await place.get("/kg/complete", relation="director", tail="scott")
    relations = await place.get("/kg/complete", head="f1", tail="horror", include_known="true")
    assert (heads["query"]["target"], relations["query"]["target"]) == ("head", "relation")


@call("GET /kg/entities/{id}, GET /kg/entities?query=, GET /kg/relations, GET /kg/facts?head=&relation=&tail=")
async def look_up(place: Place) -> None:
    assert (await place.get("/kg/entities/scott"))["label"] == "Ridley Scott"
    assert [e["entity_id"] for e in (await place.get("/kg/entities", query="ridly"))["entities"]] == ["scott"]
    relations = (await place.get("/kg/relations"))["relations"]
    assert [r["relation_id"] for r in relations] == ["director", "genre", "late_relation", "sequel_of"]
    facts = (await place.get("/kg/facts", head="f3", relation="director"))["facts"]
    assert facts == [
        {"head": "f3", "relation": "director", "tail": "cameron", "origin": "stored"}
        | {"head_label": None, "relation_label": "director", "tail_label": "James Cameron"}
    ]


@call("POST /kg/facts, DELETE /kg/facts")
async def edit(place: Place) -> None:
    new, known = {"head": "f9", "relation": "genre", "tail": "horror"}, dict(zip(PARTS, world.FACTS[0], strict=True))
    body = await place.call("POST", "/kg/facts", [new, known, new | {"relation": "nothing"}])
    assert (body["added"], body["duplicates"]) == (1, [1])
    assert body["rejected"] == [{"index": 2, "field": "relation", "code": "unknown_relation"}]
    good(await place.client.delete("/kg/facts", params=new))
    await place.refused(404, "unknown_fact", "DELETE", "/kg/facts", params=new)


@call("GET /kg/gaps")
async def gaps(place: Place) -> None:
    found = (await place.get("/kg/gaps", relation="genre"))["gaps"]
    assert {gap["head"] for gap in found} == {"f2", "f4"}
    assert [gap["users"] for gap in found] == sorted((gap["users"] for gap in found), reverse=True)


@call("GET /kg/candidates, POST /kg/candidates/{id}/decision")
async def review(place: Place) -> None:
    made = await place.call("POST", "/kg/candidates", {"per_gap": 1})
    first, *others = (await place.get("/kg/candidates"))["candidates"]
    assert len(others) + 1 == made["open"]
    path = f"/kg/candidates/{first['candidate_id']}/decision"
    decided = await place.call("POST", path, {"decision": "accept", "by": "anna", "reason": "seen"})
    assert (decided["state"], decided["decided_by"], decided["reason"]) == ("accepted", "anna", "seen")
    facts = (await place.get("/kg/facts", head=first["head"], relation=first["relation"]))["facts"]
    assert facts[0]["origin"] == "accepted"
    await place.refused(409, "already_decided", "POST", path, json={"decision": "reject", "by": "b"})
    if others:
        path = f"/kg/candidates/{others[0]['candidate_id']}/decision"
        await place.call("POST", path, {"decision": "reject", "by": "anna"})
    await place.call("POST", "/kg/candidates", {"per_gap": 1})
    again = {(c["head"], c["relation"], c["tail"]) for c in (await place.get("/kg/candidates"))["candidates"]}
    assert not again & {(c["head"], c["relation"], c["tail"]) for c in (first, *others[:1])}


@call("GET /kg/predictions/export")
async def export(place: Place) -> None:
    tsv = await place.client.get("/kg/predictions/export", params={"least_score": -9})
    assert (tsv.status_code, tsv.text.splitlines()[0]) == (200, "head\trelation\ttail\tscore\tprobability")
    triples = await place.client.get("/kg/predictions/export", params={"least_score": -9, "format": "ntriples"})
    assert len(triples.text.splitlines()) == len(tsv.text.splitlines()) - 1 > 0
    assert all(line.startswith("<") and line.endswith(" .") for line in triples.text.splitlines())


# Catalogue, feedback, operations


@call("PUT/GET/DELETE /items/{id}, /users/{id}")
async def crud(place: Place) -> None:
    for path, body in (("/items/n%2F1", {"title": "New"}), ("/users/n%2F1", None)):
        assert (await place.call("PUT", path, body))["created"] is True
        assert (await place.call("PUT", path, body))["created"] is False
        assert "n/1" in (await place.get(path)).values()
        await place.call("DELETE", path)
        assert (await place.client.get(path)).status_code == 404


@call("GET /items?cursor=")
async def catalogue(place: Place) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await place.get("/items", limit=4, **cursor)
        seen += [item["item_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == sorted(world.ITEMS)


@call("POST /events, seen by the very next call")
async def events(place: Place) -> None:
    assert "i2" in await place.listed()
    sent = {"event_id": "e1", "user_id": "u1", "item_id": "i2", "type": "view", "value": 1, "ts": 9}
    body = await place.call(
        "POST", "/events", [sent | {"recommendation_id": "r"}, sent | {"event_id": "2", "item_id": "x"}]
    )
    assert body == {"accepted": 1, "duplicates": 0, "rejected": [{"index": 1, "code": "unknown_item"}]}
    assert "i2" not in await place.listed()


@call("GET /users/{id}/history")
async def history(place: Place) -> None:
    assert [(i["item_id"], i["ts"]) for i in (await place.get("/users/u1/history"))["items"]] == [
        ("i1", 30),
        ("i5", 10),
    ]


@call("DELETE /users/{id} erases a person everywhere")
async def erasure(place: Place) -> None:
    await place.listed()
    await place.call("PUT", "/users/u1/preferences/genre", {"multiplier": 0.5})
    assert (await place.call("DELETE", "/users/u1"))["rows"]["interactions"] == 2
    for path in ("/users/u1", "/users/u1/history", "/users/u1/recommendations", "/users/u1/preferences"):
        await place.refused(404, "unknown_user", "GET", path)


@call("GET /health/live, /health/ready, /metrics")
async def health(place: Place) -> None:
    del place.client.headers["Authorization"]
    assert (await place.get("/health/live"))["status"]
    assert (await place.get("/health/ready"))["release"] == place.release_id
    await place.refused(401, "missing_key", "GET", "/metrics")
    place.client.headers.update(bearer(await make_key(place.database, "read")))
    answer = await place.client.get("/metrics")
    assert "ktup_requests_total" in answer.text


@call("GET /releases")
async def releases_listed(place: Place) -> None:
    found = (await place.get("/releases"))["releases"]
    assert [(r["release_id"], r["active"]) for r in found] == [(place.other_id, False), (place.release_id, True)]


@call("POST /releases/{id}/activate, POST /releases/rollback")
async def activate_and_roll_back(place: Place) -> None:
    before = await place.listed()
    body = await place.call("POST", f"/releases/{place.other_id}/activate")
    assert body == {"release_id": place.other_id, "previous": place.release_id}
    assert (await place.get("/users/u1/recommendations"))["release"] == place.other_id
    body = await place.call("POST", "/releases/rollback")
    assert body == {"release_id": place.release_id, "previous": place.other_id}
    assert await place.listed() == before


@call("POST /training-jobs, GET /training-jobs/{id}")
async def training(place: Place) -> None:
    answer = await place.client.post("/training-jobs", json={})
    assert answer.status_code == 202
    job = answer.json()
    assert await place.get(f"/training-jobs/{job['job_id']}") == job
    assert "progress" in job
    await place.refused(409, "job_conflict", "POST", "/training-jobs", json={})
    cancelled = await place.call("POST", f"/training-jobs/{job['job_id']}/cancel")
    assert cancelled["state"] == "cancelled"


@call("GET /evaluation")
async def evaluation(place: Place) -> None:
    assert (await place.get("/evaluation"))["release_id"] == place.release_id
