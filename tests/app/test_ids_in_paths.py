"""C26: every imported id is reachable, and no id is taken for a part of a route."""

from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routers.paths import decode_path
from app.schemas.ids import SLASH_IN_SEGMENT
from tests.app import world


@pytest.mark.anyio
async def test_c26_every_stored_user_is_reachable(client: httpx.AsyncClient) -> None:
    for user_id in world.AWKWARD_IDS:
        segment = quote(user_id, safe="").replace(".", "%2E")
        answer = await client.get(f"/users/{segment}/recommendations?limit=1")
        assert answer.status_code == 200, answer.text
        assert answer.json()["user_id"] == user_id


@pytest.mark.anyio
async def test_c26_an_id_that_holds_a_route_word_is_not_the_route(client: httpx.AsyncClient) -> None:
    # As one segment this is the user `x/recommendations`; as two it asks for a list for the user `x`.
    assert (await client.get("/users/x%2Frecommendations")).json()["user_id"] == "x/recommendations"
    assert (await client.get("/users/x/recommendations")).json()["code"] == "unknown_user"
    missing = await client.get("/users/u1%2Frecommendations")
    assert missing.json()["detail"] == "No user has the id 'u1/recommendations'."


@pytest.mark.anyio
async def test_a_plus_in_a_path_is_a_plus_and_not_a_space(client: httpx.AsyncClient) -> None:
    assert (await client.get("/users/x+y/recommendations?limit=1")).json()["user_id"] == "x+y"


@pytest.mark.anyio
async def test_an_id_that_cannot_be_stored_is_422_and_named(client: httpx.AsyncClient) -> None:
    for segment, problem in {
        "a%00b": "NUL",
        "%ff": "not valid Unicode",
        "%ED%A0%80": "not valid Unicode",  # U+D800, half of a surrogate pair, as some encoders write it
        "%ED%B0%AF": "not valid Unicode",  # U+DC2F, our own sign for a slash, must not be sent by a caller
        "a" * 801: "longer than 800 bytes",
    }.items():
        answer = await client.get(f"/users/{segment}/recommendations")
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["field"] == "user_id"
        assert problem in error["message"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_text_survives_as_one_segment(segments: list[str]) -> None:
    raw = "/" + "/".join(quote(segment, safe="") for segment in segments)
    decoded = decode_path(raw.encode("ascii")).split("/")[1:]
    assert [segment.replace(SLASH_IN_SEGMENT, "/") for segment in decoded] == segments
