"""Pages of one list: nothing twice, nothing that was met meanwhile, and 410 when it cannot be followed any more."""

import base64
import json
from typing import Any

import httpx
import pytest

from app.db.session import Database
from app.services.paging import Cursor
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore

pytestmark = pytest.mark.anyio
WHOLE = ["i2", "i3", "i6", "i4", "i7", "a/b", ".."]


async def page(client: httpx.AsyncClient, cursor: str | None = None, user: str = "u1", **query: Any) -> dict[str, Any]:
    params = {"limit": 2, **query, **({} if cursor is None else {"cursor": cursor})}
    answer = await client.get(f"/users/{user}/recommendations", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(*pages: dict[str, Any]) -> list[str]:
    return [item["item_id"] for each in pages for item in each["items"]]


async def follow(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    pages = [await page(client, **query)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(await page(client, pages[-1]["next_cursor"], **query))
    return pages


@pytest.mark.parametrize("query", [{}, {"explain": "full"}, {"limit": 1}, {"limit": 6}])
async def test_pages_are_the_pieces_of_the_whole_list_with_their_ranks(
    client: httpx.AsyncClient, query: dict[str, Any]
) -> None:
    pages = await follow(client, **query)
    assert ids(*pages) == WHOLE
    assert [item["rank"] for each in pages for item in each["items"]] == [1, 2, 3, 4, 5, 6, 7]
    assert {each["strategy"] for each in pages} == {"personalized"}
    explained = {item["explanation"] is not None for each in pages for item in each["items"]}
    assert explained == {"explain" in query}


async def test_a_list_that_ends_with_its_page_has_no_next(client: httpx.AsyncClient) -> None:
    assert (await page(client, limit=7))["next_cursor"] is None
    assert (await page(client, limit=6))["next_cursor"] is not None


@pytest.mark.parametrize(("user", "query"), [("late", {}), ("nobody", {"fallback": "popular"})])
async def test_folded_in_and_popular_lists_have_pages_too(
    client: httpx.AsyncClient, user: str, query: dict[str, Any]
) -> None:
    whole = await page(client, user=user, limit=100, **query)
    assert ids(*await follow(client, user=user, **query)) == ids(whole)


async def test_a_session_has_pages_by_body(client: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"items": ["i1", "i2"], "limit": 3, "filter": ["genre:horror"]}
    first = (await client.post("/recommendations", json={**body, "limit": 2})).json()
    second = (await client.post("/recommendations", json={**body, "cursor": first["next_cursor"]})).json()
    assert ids(first, second) == ["i6", "i5", "i3"]
    assert second["next_cursor"] is None


async def test_what_is_met_or_deleted_between_pages_is_left_out_and_nothing_comes_twice(
    client: httpx.AsyncClient,
) -> None:
    first = await page(client)
    second = await page(client, first["next_cursor"])
    event = {"event_id": "p 1", "user_id": "u1", "item_id": "i7", "type": "like", "ts": 99}
    assert (await client.post("/events", json=[event])).json()["accepted"] == 1
    assert (await client.delete("/items/a%2Fb")).status_code == 200
    third = await page(client, second["next_cursor"])
    assert ids(first, second, third) == ["i2", "i3", "i6", "i4", ".."]
    assert (third["items"][0]["rank"], third["next_cursor"]) == (7, None)
    # And where it comes between the first page and the second.
    assert ids(await page(client, first["next_cursor"])) == ["i6", "i4"]


async def test_the_same_cursor_gives_the_same_page_again(client: httpx.AsyncClient) -> None:
    first = await page(client)
    one, other = [await page(client, first["next_cursor"]) for _ in range(2)]
    assert (one["items"], one["next_cursor"]) == (other["items"], other["next_cursor"])


def altered(cursor: str, **changes: Any) -> str:
    found = Cursor.decode(cursor)
    return Cursor(**{name: changes.get(name, getattr(found, name)) for name in Cursor.__slots__}).encode()


async def test_410_of_a_cursor_that_is_too_old_or_whose_snapshot_is_gone(client: httpx.AsyncClient) -> None:
    first = await page(client)
    began = Cursor.decode(first["next_cursor"]).began
    old = altered(first["next_cursor"], began=began - 2_000)
    gone = altered((await page(client, first["next_cursor"]))["next_cursor"], snapshot="ktup:gone")
    for cursor in (old, gone):
        answer = await client.get("/users/u1/recommendations", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


async def test_410_when_another_release_answers(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    releases.releases[f"{release_id}-b"] = world.release(f"{release_id}-b")
    async with start(backend.settings(), releases) as client:
        await client.post(f"/releases/{release_id}/activate")
        first = await page(client)
        await client.post(f"/releases/{release_id}-b/activate")
        answer = await client.get("/users/u1/recommendations", params={"cursor": first["next_cursor"]})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


async def test_a_cursor_of_another_person_or_another_list_is_refused(client: httpx.AsyncClient) -> None:
    first = await page(client)
    second = await page(client, first["next_cursor"])
    for cursor in (first["next_cursor"], second["next_cursor"]):
        for path in ("/users/u2/recommendations", "/users/u1/recommendations?filter=genre:horror"):
            answer = await client.get(path, params={**dict(httpx.URL(path).params), "cursor": cursor})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")
    # A made-up cursor that names somebody else's snapshot under one's own question reads nothing of it.
    theirs = Cursor.decode(
        (await page(client, (await page(client, user="u2"))["next_cursor"], user="u2"))["next_cursor"]
    )
    mixed = altered(second["next_cursor"], snapshot=theirs.snapshot)
    answer = await client.get("/users/u1/recommendations", params={"cursor": mixed})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


@pytest.mark.parametrize("parts", [None, [], ["q"], ["q", "r", "s", -1], ["q", "r", 1, ""], ["q", "r", 1, 2], {"q": 1}])
async def test_what_is_no_cursor_is_422(client: httpx.AsyncClient, parts: Any) -> None:
    text = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    for cursor in (text, "!", "é", "a"):
        answer = await client.get("/users/u1/recommendations", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")
        assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


@pytest.mark.parametrize("began", [10**400, 2**63, -1, True], ids=["huge", "2**63", "-1", "true"])
async def test_a_cursor_with_a_time_that_none_was_given_with_is_422(client: httpx.AsyncClient, began: int) -> None:
    changed = altered((await page(client))["next_cursor"], began=began)
    answer = await client.get("/users/u1/recommendations", params={"limit": 2, "cursor": changed})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")


@pytest.mark.parametrize("changes", [{"snapshot": "ktup:\ud800"}, {"offset": 10**400}, {"offset": True}])
async def test_a_cursor_with_a_place_that_none_was_given_with_is_422(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    second = await page(client, (await page(client))["next_cursor"])
    answer = await client.get(
        "/users/u1/recommendations", params={"limit": 2, "cursor": altered(second["next_cursor"], **changes)}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")


async def test_ids_too_long_for_a_cursor_are_paged_all_the_same(
    backend: Backend, database: Database, release_id: str, start: Start
) -> None:
    names = [f"{n}{'x' * 700}" for n in range(20)]
    await world.store(database, {"items": [{"item_id": name} for name in names]})
    long = world.release(release_id, items={name: 1.0 + n / 100 for n, name in enumerate(names)})
    # The world has films that this release does not know: they would join the list by their facts.
    async with start(backend.settings(new_items=0), MemoryStore({release_id: long})) as client:
        await client.post(f"/releases/{release_id}/activate")
        pages = await follow(client, limit=8)
    assert ids(*pages) == names


async def test_an_erased_person_leaves_no_snapshot(client: httpx.AsyncClient) -> None:
    second = await page(client, (await page(client))["next_cursor"])
    assert second["next_cursor"] is not None
    assert (await client.delete("/users/u1")).status_code == 200
    await client.put("/users/u1")
    answer = await client.get("/users/u1/recommendations", params={"cursor": second["next_cursor"]})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
