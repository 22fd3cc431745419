"""Items that are stored after training: in every kind of list from the next call on, by the facts that are stored."""

from typing import Any

import httpx
import pytest

from app.db.session import Database
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore

pytestmark = pytest.mark.anyio


async def good(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def put(client: httpx.AsyncClient, item: str = "new", entity: str | None = "f9") -> None:
    await good(await client.put(f"/items/{item}", json={"title": "A new one", "entity_id": entity}))


async def tell(client: httpx.AsyncClient, *facts: tuple[str, str, str]) -> None:
    body = [{"head": h, "relation": r, "tail": t} for h, r, t in facts]
    await good(await client.post("/kg/facts", json=body))


async def listed(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await good(await client.get("/users/u1/recommendations", params=query)))["items"]
    return items


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["item_id"] for item in items]


async def test_a_new_item_is_listed_once_a_fact_places_it_and_gone_once_it_is_deleted(
    client: httpx.AsyncClient,
) -> None:
    before = await listed(client)
    await put(client)
    assert await listed(client) == before
    # f2 has the number 1.0, which is where u1 goes along director: nothing is nearer.
    await tell(client, ("f9", "director", "f2"))
    first, *rest = await listed(client)
    assert (first["item_id"], first["title"], first["score"], first["new_item"]) == ("new", "A new one", 0.0, True)
    assert [item | {"rank": item["rank"] - 1} for item in rest] == before
    assert not any("new_item" in item for item in rest)
    await good(await client.delete("/items/new"))
    assert await listed(client) == before


async def test_a_new_item_that_was_met_is_not_listed_again_but_may_be_asked_for(client: httpx.AsyncClient) -> None:
    await put(client)
    await tell(client, ("f9", "director", "f2"))
    assert "new" in ids(await listed(client))
    event = {"event_id": "e1", "user_id": "u1", "item_id": "new", "type": "like", "ts": 99}
    await good(await client.post("/events", json=[event]))
    assert "new" not in ids(await listed(client))
    assert "new" in ids(await listed(client, exclude_seen=False))
    assert "new" not in ids(await listed(client, exclude_seen=False, exclude="new"))


async def test_sessions_batches_filters_and_pages_hold_new_items(client: httpx.AsyncClient) -> None:
    await put(client)
    await tell(client, ("f9", "director", "f2"), ("f9", "genre", "scott"))
    # Between 1.0 and 2.0: at 1.5, half a step from where u1 goes.
    session = await good(await client.post("/recommendations", json={"items": ["i1", "i5"]}))
    assert "new" in ids(session["items"])
    batch = await good(await client.post("/recommendations/batch", json={"user_ids": ["u1", "u2"]}))
    lists = [result["recommendations"]["items"] for result in batch["results"]]
    assert lists[0] == await listed(client)
    assert all([item["item_id"] for item in items if item.get("new_item")] == ["new"] for items in lists)
    assert ids(await listed(client, filter="director:f2")) == ["new"]
    assert ids(await listed(client, filter="director:scott", exclude_seen=False)) == ["i1", "i2", "i6"]
    page, pages, cursor = await good(await client.get("/users/u1/recommendations?limit=2")), [], "first"
    while cursor:
        pages += page["items"]
        cursor = page["next_cursor"]
        if cursor:
            page = await good(await client.get("/users/u1/recommendations", params={"limit": 2, "cursor": cursor}))
    assert pages == await listed(client, limit=100)


async def test_a_new_item_has_preferences_and_stored_facts_for_reasons(client: httpx.AsyncClient) -> None:
    await put(client)
    # Three of a kind: u1 met i5, which has genre horror (4.0), and i1, which has it too.
    await tell(client, ("f9", "genre", "horror"), ("f9", "director", "f2"))
    (item,) = [i for i in await listed(client, explain="full") if i["item_id"] == "new"]
    explanation = item["explanation"]
    assert sum(p["share"] for p in explanation["preferences"]) == pytest.approx(1.0)
    assert explanation["preferences"][0]["without"]["rank"] >= item["rank"]
    facts = {tuple(fact) for evidence in explanation["evidence"] for fact in evidence["facts"]}
    assert ("f9", "genre", "horror") in facts
    assert {e["history_item"] for e in explanation["evidence"]} <= {"i1", "i5"}
    pair = await good(await client.get("/users/u1/recommendations/new/explanation"))
    assert (pair["rank"], pair["score"]) == (item["rank"], item["score"])
    assert (await good(await client.get("/users/u1/why-not/new")))["rank"] == item["rank"]


async def test_only_the_newest_items_are_placed_and_none_where_the_setting_is_zero(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(new_items=2), releases) as client:
        await good(await client.post(f"/releases/{release_id}/activate"))
        await tell(client, ("f9", "director", "f2"))
        for item in ("n3", "n1", "n2"):
            await put(client, item)
        found = [item["item_id"] for item in await listed(client, limit=100) if item.get("new_item")]
        assert sorted(found) == ["n1", "n2"]
    async with start(backend.settings(new_items=0), releases) as client:
        await good(await client.post(f"/releases/{release_id}/activate"))
        event = {"event_id": "e1", "user_id": "u1", "item_id": "i2", "type": "view", "ts": 99}
        await good(await client.post("/events", json=[event]))
        assert not any(item.get("new_item") for item in await listed(client, limit=100))


async def test_new_items_are_read_once_for_each_change_of_the_catalogue(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.db.new_items import PlacedItems

    reads, read = list[int](), PlacedItems.entities

    async def counted(self: PlacedItems) -> list[tuple[str, str]]:
        reads.append(1)
        return await read(self)

    monkeypatch.setattr(PlacedItems, "entities", counted)
    await put(client)
    for limit in range(1, 6):
        await listed(client, limit=limit)
    assert len(reads) == 1
    await tell(client, ("f9", "director", "f2"))
    assert [item["item_id"] for item in await listed(client, limit=1)] == ["new"]
    assert len(reads) == 2
