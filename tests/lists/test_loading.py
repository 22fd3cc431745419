"""`load-lists`: the service answers from what was loaded as from its own cache, and never with what is outdated."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from anyio import to_thread
from redis.asyncio import Redis

from app.bulk_cache import BulkCache, BulkFailed
from app.cache import unseal
from app.db.session import Database
from app.lists.engine import in_this_process
from app.lists.folder import ANSWERS, ListsError, ListsFolder, Manifest, Question
from app.lists.loading import ListLoader, Loaded
from tests.lists.conftest import Home, run, serving

pytestmark = pytest.mark.anyio
PATH = "/users/{}/recommendations?explain=summary"


async def made(home: Home, path: Path, **changes: Any) -> ListsFolder:
    """Score the first users, and those who came later, into a folder of two chunks."""
    folder = ListsFolder(path)
    path.mkdir()  # noqa: ASYNC240
    manifest = Manifest("random", "", Question(), True, 10, 1, ("u010",))
    replace(manifest, **changes).write(path / "manifest.json")
    await to_thread.run_sync(lambda: list(in_this_process(folder, [0], home.settings)))
    return folder


async def load(home: Home, folder: ListsFolder, seconds_later: float = 0.0) -> Loaded:
    """Load the first chunk."""
    assert home.settings.redis_url is not None
    cache, database = (
        BulkCache(home.settings.redis_url.get_secret_value()),
        Database(home.environment["KTUP_DATABASE_URL"]),
    )
    loader = ListLoader(database, cache, folder, home.settings, lambda: time.time() + seconds_later)
    try:
        await loader.check()
        return await loader.load(0)
    finally:
        loader.close()
        await cache.close()
        await database.close()


async def found_where(client: httpx.AsyncClient) -> dict[str, float]:
    """Count where answers were found so far, by layer."""
    lines = (await client.get("/metrics")).text.splitlines()
    counts = [line.split("} ") for line in lines if line.startswith("ktup_cache_lookups_total{")]
    return {name.split('"')[1]: float(number) for name, number in counts}


async def keys(home: Home) -> dict[str, bytes]:
    """Read all that is cached."""
    redis: Redis = Redis.from_url(home.environment["KTUP_REDIS_URL"])
    names = [bytes(name).decode() for name in await redis.keys("ktup:*")]  # type: ignore[arg-type]
    values = {name: unseal(name, bytes(await redis.get(name))) or b"" for name in names}  # type: ignore[arg-type]
    ttls = [await redis.ttl(name) for name in names]
    assert all(0 < ttl <= 1.1 * 3_600 for ttl in ttls), "the service itself spreads them by a tenth"
    await redis.aclose()
    return values


def comparable(body: bytes) -> dict[str, Any]:
    """Give an answer without what is new in each: its own id, and when its next page began to be open."""
    answer: dict[str, Any] = json.loads(body)
    assert answer.pop("recommendation_id")
    assert answer.pop("next_cursor")
    return answer


async def test_loaded_answers_are_what_the_service_would_have_cached_and_serves(
    home_with_redis: Home, tmp_path: Path
) -> None:
    home = home_with_redis
    folder = await made(home, tmp_path / "lists")
    async with serving(home.settings) as client:
        await client.get(PATH.format("u001"))
        own = await keys(home)
        assert len(own) == 1
    loaded = await load(home, folder)
    users = folder.answers(0)["user_id"].to_list()
    assert {"u001", "u004", "u007", "came-later", "nobody-yet"} <= set(users)
    assert loaded == Loaded(stored=len(users) - 1, there=1)
    everything = await keys(home)
    assert {name: everything[name] for name in own} == own, "what people may have seen stays"
    body = dict(zip(users, folder.answers(0)["body"], strict=True))
    assert comparable(body["u001"]) == comparable(next(iter(own.values())))
    async with serving(home.settings) as client:
        for user_id in (user for user in users if user != "u001"):
            assert (await client.get(PATH.format(user_id))).content == body[user_id]
        assert await found_where(client) == {"shared": len(users) - 1}
        page = json.loads(body["u004"])
        following = await client.get(PATH.format("u004"), params={"explain": "summary", "cursor": page["next_cursor"]})
        assert following.json()["items"][0]["rank"] == 11
    assert await load(home, folder) == Loaded(there=len(users))


async def test_after_an_event_the_loaded_answer_is_not_served_nor_loaded_again(
    home_with_redis: Home, tmp_path: Path
) -> None:
    home = home_with_redis
    folder = await made(home, tmp_path / "lists")
    n = folder.answers(0).height
    assert (await load(home, folder)).stored == n
    body = dict(zip(folder.answers(0)["user_id"], folder.answers(0)["body"], strict=True))
    async with serving(home.settings) as client:
        first = json.loads(body["u002"])["items"][0]["item_id"]
        event = {"event_id": "now", "user_id": "u002", "item_id": first, "type": "view"}
        assert (await client.post("/events", json=[event])).json()["accepted"] == 1
        answer = await client.get(PATH.format("u002"))
        assert answer.content != body["u002"]
        assert first not in [item["item_id"] for item in answer.json()["items"]]
        assert (await client.get(PATH.format("u003"))).content == body["u003"]
        assert await load(home, folder) == Loaded(there=n - 1, outdated=1)
        await client.put("/users/u003/preferences/genre", json={"multiplier": 0.5})
        assert (await client.get(PATH.format("u003"))).content != body["u003"]
        await client.put("/items/another-film", json={"title": "One more"})
        assert (await client.get(PATH.format("u005"))).content != body["u005"]
        assert await load(home, folder) == Loaded(outdated=n)


async def test_lists_of_another_release_are_neither_loaded_nor_served(home_with_redis: Home, tmp_path: Path) -> None:
    home = home_with_redis
    folder = await made(home, tmp_path / "lists")
    await load(home, folder)
    body = dict(zip(folder.answers(0)["user_id"], folder.answers(0)["body"], strict=True))
    async with serving(home.settings) as client:
        assert (await client.post("/releases/other/activate")).status_code == 200
        answer = await client.get(PATH.format("u004"))
        assert (answer.json()["release"], answer.content == body["u004"]) == ("other", False)
        with pytest.raises(ListsError, match="the lists are of release random, but other is active"):
            await load(home, folder)
        experiment = {"a": "other", "b": "random", "share": 1.0}
        assert (await client.post("/releases/ab", json=experiment)).status_code == 200
        assert (await load(home, folder)).there == folder.answers(0).height
        assert (await client.get(PATH.format("u004"))).content == body["u004"]


async def test_answers_end_as_old_as_computed_ones(home_with_redis: Home, tmp_path: Path) -> None:
    home = home_with_redis
    folder = await made(home, tmp_path / "lists")
    n = folder.answers(0).height
    assert await load(home, folder, 3_600 - 30) == Loaded(too_old=n)
    assert (await load(home, folder, 3_000)).stored == n


async def test_what_cannot_be_loaded_is_told(home_with_redis: Home, tmp_path: Path) -> None:
    home = home_with_redis
    plain = await made(home, tmp_path / "plain", answers=False)
    with pytest.raises(ListsError, match="without answers"):
        await load(home, plain)
    folder = await made(home, tmp_path / "lists")
    (folder.chunk(0) / ANSWERS).write_bytes(b"no parquet")
    with pytest.raises(ListsError, match=r"answers\.parquet cannot be read"):
        await load(home, folder)
    cache = BulkCache("redis://127.0.0.1:1/0")
    with pytest.raises(BulkFailed, match="Redis cannot be reached"):
        await cache.store([("ktup:a", b"b", 5)])
    await cache.close()


def test_the_command_says_what_it_did(home_with_redis: Home, tmp_path: Path) -> None:
    environment = home_with_redis.environment
    scored = run("app", "score-users", tmp_path / "lists", "--explain", "none", "--chunk-users", 150, **environment)
    assert scored.returncode == 0, scored.stderr
    n_users = sum(pl.read_parquet(p).height for p in (tmp_path / "lists").glob(f"*/{ANSWERS}"))
    for chunk in (tmp_path / "lists" / "chunk=00002").iterdir():
        chunk.unlink()
    (tmp_path / "lists" / "chunk=00002").rmdir()
    n_left = sum(pl.read_parquet(p).height for p in (tmp_path / "lists").glob(f"*/{ANSWERS}"))
    loaded = run("app", "load-lists", tmp_path / "lists", **environment)
    assert n_left == 300 < n_users
    assert f"random: {n_left} answers loaded" in loaded.stdout
    assert "1 of 3 chunks are missing" in loaded.stderr
    without = run("app", "load-lists", tmp_path / "lists", **{**environment, "KTUP_REDIS_URL": ""})
    assert (without.returncode, "KTUP_REDIS_URL: not set" in without.stderr) == (2, True)
