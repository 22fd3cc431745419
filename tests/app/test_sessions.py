"""Lists by body: for users, for anonymous sessions, and for users who like something in addition."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def post(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(body: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in body["items"]]


async def test_a_user_by_body_gets_the_very_answer_of_the_call_by_path(client: httpx.AsyncClient) -> None:
    options: dict[str, Any] = {"limit": 3, "exclude": ["i3"], "explain": "summary"}
    by_path = await client.get("/users/u1/recommendations", params=options)
    assert await post(client, user_id="u1", **options) == by_path.json()


async def test_a_session_is_folded_in_from_its_items_and_not_shown_them(client: httpx.AsyncClient) -> None:
    # As `late`, who has this history: .525.
    found = await post(client, items=["i2", "i1"], limit=3)
    assert (found["user_id"], found["strategy"]) == (None, "fold_in")
    assert ids(found) == ["i4", "i6", "i7"]
    assert found["items"][0]["score"] == pytest.approx(-0.125)


async def test_the_reasons_of_a_session_are_its_items(client: httpx.AsyncClient) -> None:
    found = await post(client, items=["i1", "i2"], explain="summary", filter=["genre:horror"], limit=2)
    assert ids(found) == ["i6", "i5"]
    evidence = found["items"][1]["explanation"]["evidence"]
    assert [e["history_item"] for e in evidence] == ["i1"]
    assert evidence[0]["facts"] == [["f1", "genre", "horror"], ["f5", "genre", "horror"]]


async def test_a_session_of_items_that_the_release_does_not_know_is_popular(client: httpx.AsyncClient) -> None:
    found = await post(client, items=["no such item"], limit=2)
    assert (found["strategy"], ids(found)) == ("popular", ["i1", "i2"])


async def test_a_known_user_who_likes_more_is_folded_in_from_everything(client: httpx.AsyncClient) -> None:
    # u1 met i1 (1.0) and i5 (3.0); with i4 (1.4) half the mean is .9, from which i7 lies .1 and i3 1.1 away.
    found = await post(client, user_id="u1", items=["i4"], limit=2)
    assert (found["user_id"], found["strategy"]) == ("u1", "fold_in")
    assert ids(found)[0] == "i7"
    assert found["items"][0]["score"] == pytest.approx(-0.1)
    assert not {"i1", "i4", "i5"} & set(ids(await post(client, user_id="u1", items=["i4"], limit=100)))


async def test_sessions_of_the_same_items_in_another_order_get_the_same_list(client: httpx.AsyncClient) -> None:
    one, other = await post(client, items=["i1", "i5"]), await post(client, items=["i5", "i1", "i5"])
    assert one["items"] == other["items"]


async def test_an_unknown_user_is_404_by_body_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/recommendations", json={"user_id": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_user")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"limit": 3}, "body"),
        ({"items": []}, "body"),
        ({"items": [""]}, "items.0"),
        ({"items": ["i1"] * 1_001}, "items"),
        ({"items": ["i1"], "limt": 3}, "limt"),
        ({"user_id": "u1", "explain": "much"}, "explain"),
    ],
)
async def test_a_body_that_cannot_be_used_is_422_and_its_field_named(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await client.post("/recommendations", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
