"""The database away: users whom the release knows get its list, which says what it could not know; others a 503."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.db.session import Database
from app.db.versions import VersionReader
from app.errors import StorageUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cut_off(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that ran, and then lost its database."""

    @asynccontextmanager
    async def connected(*_given: object) -> AsyncIterator[None]:
        raise StorageUnavailable
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_connected", connected)
        patch.setattr(VersionReader, "_read_now", lambda *_given: None)
        yield client


async def ask(client: httpx.AsyncClient, path: str) -> tuple[int, dict[str, Any]]:
    answer = await client.get(path)
    return answer.status_code, answer.json()


async def test_a_user_of_the_release_gets_its_list_and_is_told_what_was_away(cut_off: httpx.AsyncClient) -> None:
    status, body = await ask(cut_off, "/users/u1/recommendations?limit=3&exclude=i2&explain=summary")
    assert (status, body["strategy"], body["degraded"], body["next_cursor"]) == (200, "personalized", ["history"], None)
    # i1 and i5, which u1 met, are nearest: nobody knows now that they were met.
    assert [(i["item_id"], i["title"], i["explanation"]) for i in body["items"]] == [
        ("i1", None, None),
        ("i5", None, None),
        ("i3", None, None),
    ]


async def test_a_session_is_folded_in_as_ever(cut_off: httpx.AsyncClient) -> None:
    answer = await cut_off.post("/recommendations", json={"items": ["i1", "i2"], "limit": 2})
    assert (answer.status_code, answer.json()["degraded"]) == (200, ["history"])
    assert [item["item_id"] for item in answer.json()["items"]] == ["i4", "i6"]


@pytest.mark.parametrize(
    "path",
    [
        "/users/late/recommendations",
        "/users/nobody/recommendations?fallback=popular",
        "/users/u1/recommendations?filter=genre:horror",
        "/users/u1/preferences",
        "/users/u1/why-not/i4",
        "/items/popular",
        "/items/i2/similar",
    ],
)
async def test_what_needs_the_database_is_503(cut_off: httpx.AsyncClient, path: str) -> None:
    status, body = await ask(cut_off, path)
    assert (status, body["code"]) == (503, "storage_unavailable")


async def test_c111_a_list_from_memory_is_not_kept(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(VersionReader, "of", _unavailable)
        assert (await ask(client, "/users/u1/recommendations"))[1]["degraded"] == ["history"]
    status, body = await ask(client, "/users/u1/recommendations")
    assert (status, body["degraded"], body["items"][0]["item_id"]) == (200, [], "i2")


async def _unavailable(*_given: object) -> None:
    raise StorageUnavailable
