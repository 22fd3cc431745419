"""What was read before is answered alike, for whoever asks it; and nothing that is wrong slips in beside it."""

from typing import Any

import httpx
import pytest

from app.routers.read_before import LONGEST, MOST, ReadBefore
from app.services.recommendations import RecommendationQuery

pytestmark = pytest.mark.anyio


def scope(query: bytes, *languages: bytes) -> dict[str, Any]:
    return {"query_string": query, "headers": [(b"host", b"x"), *((b"accept-language", value) for value in languages)]}


async def test_the_second_call_in_the_same_bytes_is_answered_as_the_first(client: httpx.AsyncClient) -> None:
    path = "/users/u1/recommendations?limit=3&explain=summary&exclude=i2"
    first, second = [await client.get(path) for _ in range(2)]
    assert first.status_code == 200
    assert (first.content, dict(first.headers) | {"x-request-id": ""}) == (
        second.content,
        dict(second.headers) | {"x-request-id": ""},
    )


async def test_what_one_user_asked_is_answered_for_another_as_their_own(client: httpx.AsyncClient) -> None:
    answers = [(await client.get(f"/users/{user}/recommendations?limit=2")).json() for user in ("u1", "u2", "a%2Fb")]
    assert [answer["user_id"] for answer in answers] == ["u1", "u2", "a/b"]
    unknown = await client.get("/users/nobody/recommendations?limit=2")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_user")


@pytest.mark.parametrize("user", ["%00", "%FF", "x" * 801])
async def test_what_is_no_id_is_refused_however_well_the_query_is_known(client: httpx.AsyncClient, user: str) -> None:
    assert (await client.get("/users/u1/recommendations?limit=4")).status_code == 200
    refused = await client.get(f"/users/{user}/recommendations?limit=4")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_parameter")


async def test_the_same_query_in_another_language_is_another_question(client: httpx.AsyncClient) -> None:
    path = "/users/u1/recommendations?explain=summary"
    told = [
        (await client.get(path, headers={"Accept-Language": language})).headers["content-language"]
        for language in ("en", "de", "en", "de")
    ]
    assert told == ["en", "de", "en", "de"]


async def test_what_was_refused_is_refused_again(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.get("/users/u1/recommendations?limit=0")).status_code == 422
        assert (await client.get("/users/u1/recommendations?limt=1")).status_code == 422


def test_of_two_headers_the_first_counts_as_it_does_for_fastapi() -> None:
    read = ReadBefore()
    read.keep(scope(b"explain=summary", b"de"), RecommendationQuery("u1", explain="summary", language="de"))
    assert read.get(scope(b"explain=summary", b"de", b"en"), "u2") is not None
    assert read.get(scope(b"explain=summary", b"en", b"de"), "u2") is None
    assert read.get(scope(b"explain=summary"), "u2") is None


def test_nothing_of_the_user_is_kept() -> None:
    read = ReadBefore()
    read.keep(scope(b"limit=3"), RecommendationQuery("somebody", limit=3))
    assert "somebody" not in repr(read._known)
    assert read.get(scope(b"limit=3"), "other") == RecommendationQuery("other", limit=3)


def test_what_is_kept_has_a_bound() -> None:
    read = ReadBefore()
    read.keep(scope(b"x" * (LONGEST + 1)), RecommendationQuery("u"))
    read.keep(scope(b"x" * LONGEST, b"d"), RecommendationQuery("u"))
    assert len(read) == 0
    for n in range(MOST + 1):
        read.keep(scope(b"limit=%d" % n), RecommendationQuery("u"))
    assert len(read) == 1
