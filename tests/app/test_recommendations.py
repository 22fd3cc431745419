"""Lists for one user, on both kinds of storage."""

import math
from typing import Any

import httpx
import pytest

from app.db.session import Database
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio


async def ids(client: httpx.AsyncClient, path: str) -> list[str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


async def test_the_nearest_unseen_items_come_first(client: httpx.AsyncClient) -> None:
    # u1 = 0; director 1, genre 3. Seen: i1, i5. Distances: i2 .1, i3 .2, i6 .3, i4 .4, i7 1.
    assert await ids(client, "/users/u1/recommendations?limit=5") == ["i2", "i3", "i6", "i4", "i7"]


async def test_the_body_has_exactly_the_fields_of_the_contract(client: httpx.AsyncClient, release_id: str) -> None:
    body = (await client.get("/users/u1/recommendations?limit=1")).json()
    assert len(body.pop("recommendation_id")) == 36
    assert body.pop("next_cursor").isascii()
    assert body == {
        "user_id": "u1",
        "release": release_id,
        "strategy": "personalized",
        "degraded": [],
        "items": [
            {"rank": 1, "item_id": "i2", "title": "Gladiator", "score": pytest.approx(-0.1), "explanation": None}
        ],
    }


async def test_c91_seen_items_are_never_recommended_even_when_fewer_than_the_limit_remain(
    client: httpx.AsyncClient,
) -> None:
    found = await ids(client, "/users/u1/recommendations?limit=100")
    assert sorted(found) == sorted(set(world.ITEMS) - {"i1", "i5"})


async def test_nothing_left_is_an_empty_list_and_no_error(client: httpx.AsyncClient) -> None:
    assert await ids(client, "/users/all/recommendations") == []


async def test_seen_items_come_back_on_request(client: httpx.AsyncClient) -> None:
    assert (await ids(client, "/users/u1/recommendations?exclude_seen=false"))[:2] == ["i1", "i5"]


async def test_excluded_items_stay_out_and_unknown_ones_are_ignored(client: httpx.AsyncClient) -> None:
    found = await ids(client, "/users/u1/recommendations?limit=3&exclude=i2&exclude=i6&exclude=nobody&exclude=i2")
    assert found == ["i3", "i4", "i7"]


async def test_an_excluded_id_with_reserved_characters_is_understood(client: httpx.AsyncClient) -> None:
    found = await ids(client, "/users/u1/recommendations?limit=100&exclude=a%2Fb")
    assert "a/b" not in found
    assert ".." in found


async def test_c66_two_calls_give_the_same_list_without_the_cache(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    answers = []
    for _ in range(2):
        async with start(backend.settings(redis_url=None), releases) as client:
            await client.post(f"/releases/{release_id}/activate")
            answers.append((await client.get("/users/u1/recommendations?explain=summary")).json())
    assert answers[0].pop("recommendation_id") != answers[1].pop("recommendation_id")
    assert answers[0] == answers[1]


async def test_c96_an_unknown_user_is_404_and_with_fallback_popular(client: httpx.AsyncClient) -> None:
    missing = await client.get("/users/nobody-1/recommendations")
    assert missing.status_code == 404
    assert missing.json()["code"] == "unknown_user"
    popular = await client.get("/users/nobody-1/recommendations?fallback=popular&limit=3")
    assert popular.json()["strategy"] == "popular"
    # i1: u1, late, all; i2: late, a:b, all; then i5: u1, all. Ties go by id.
    assert [(i["item_id"], i["score"]) for i in popular.json()["items"]] == [("i1", 3.0), ("i2", 3.0), ("i5", 2.0)]


async def test_a_user_who_came_after_training_is_folded_in_from_the_history(client: httpx.AsyncClient) -> None:
    # Half the mean of 1.0 and 1.1 is .525: i4 lies .125 from director, i6 .225, i7 .475, and i5 .525 from genre.
    answer = (await client.get("/users/late/recommendations?limit=4")).json()
    assert answer["strategy"] == "fold_in"
    assert [(i["item_id"], i["score"]) for i in answer["items"]] == [
        ("i4", pytest.approx(-0.125)),
        ("i6", pytest.approx(-0.225)),
        ("i7", pytest.approx(-0.475)),
        ("i5", pytest.approx(-0.525)),
    ]


async def test_a_new_user_without_a_history_gets_popular_items_until_the_first_event(client: httpx.AsyncClient) -> None:
    await client.put("/users/fresh")
    answer = (await client.get("/users/fresh/recommendations?limit=2")).json()
    assert (answer["strategy"], [i["item_id"] for i in answer["items"]]) == ("popular", ["i1", "i2"])
    event = {"event_id": "fresh 1", "user_id": "fresh", "item_id": "i2", "type": "like", "ts": 5}
    assert (await client.post("/events", json=[event])).json()["accepted"] == 1
    # .55 now: i4 1.4 lies .15 from director.
    answer = (await client.get("/users/fresh/recommendations?limit=1")).json()
    assert (answer["strategy"], answer["items"][0]["item_id"]) == ("fold_in", "i4")
    assert answer["items"][0]["score"] == pytest.approx(-0.15)


async def test_who_only_dislikes_is_not_folded_in_from_it(client: httpx.AsyncClient) -> None:
    event = {"event_id": "e 1", "user_id": "grumpy", "item_id": "i1", "type": "dislike", "ts": 5}
    assert (await client.post("/events", json=[event])).json()["accepted"] == 1
    answer = (await client.get("/users/grumpy/recommendations?limit=1")).json()
    assert (answer["strategy"], answer["items"][0]["item_id"]) == ("popular", "i2")


async def test_what_a_known_user_met_since_training_is_left_out_and_leaves_the_other_scores(
    client: httpx.AsyncClient,
) -> None:
    before = (await client.get("/users/u1/recommendations?limit=3")).json()
    event = {"event_id": "e 2", "user_id": "u1", "item_id": "i2", "type": "like", "ts": 99}
    await client.post("/events", json=[event])
    after = (await client.get("/users/u1/recommendations?limit=2")).json()
    assert after["strategy"] == "personalized"
    assert [i["score"] for i in after["items"]] == [i["score"] for i in before["items"][1:]]


async def test_c97_an_item_whose_score_is_not_finite_is_left_out_of_the_list(
    backend: Backend, database: Database, release_id: str, start: Start
) -> None:
    class Broken(MemoryRelease):
        def recommend(self, user_id: str, n: int, exclude: Any = ()) -> Any:
            scored = super().recommend(user_id, n, exclude)
            return [type(item)(item.item_id, math.nan) if item.item_id == "i3" else item for item in scored]

    whole = world.release(release_id)
    broken = Broken(whole.info, whole.users, whole.items, whole.entities, whole.relations)
    async with start(backend.settings(), MemoryStore({release_id: broken})) as client:
        await client.post(f"/releases/{release_id}/activate")
        assert await ids(client, "/users/u1/recommendations?limit=3") == ["i2", "i6", "i4"]
        assert await ids(client, "/users/u1/recommendations?limit=100") == ["i2", "i6", "i4", "i7", "a/b", ".."]


async def test_c108_an_item_met_since_the_last_call_is_gone_from_the_next(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await ids(client, "/users/u1/recommendations"))[0] == "i2"
    await world.store(database, {"interactions": [{"user_id": "u1", "item_id": "i2", "value": 1.0, "timestamp": 99}]})
    assert "i2" not in await ids(client, "/users/u1/recommendations")


async def test_c113_users_whose_ids_could_run_together_have_answers_of_their_own(client: httpx.AsyncClient) -> None:
    for user in ("a:b", "a"):
        for _ in range(2):
            body = (await client.get(f"/users/{user}/recommendations?limit=1")).json()
            assert body["user_id"] == user


async def test_an_answer_is_computed_once_and_then_cached_with_its_id(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    first = (await client.get("/users/u1/recommendations")).json()
    second = (await client.get("/users/u1/recommendations?limit=10&exclude_seen=true")).json()
    assert first == second
    release = releases.releases[release_id]
    assert isinstance(release, MemoryRelease)
    assert release.calls == 1
