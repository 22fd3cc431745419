"""Bytes by key: in this process, in Redis, or in both, the one in front of the other. All implement `app.ports.Cache`.

In Redis a value is stored with its own key and a checksum of both. Whatever comes back under another key, cut or
altered, reads as a miss: an unread reply on a reused connection can never show one user's list to another.
"""

import asyncio
import functools
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from app.ports import Cache

_log = logging.getLogger(__name__)
_CHECKSUM = 16
_LENGTH = 4
_MAX_CONNECTIONS = 64
_SCANNED = 200

KEY_PREFIX = "ktup:"
"""All of our keys in Redis begin with it; others may live there, too."""

Clock = Callable[[], float]


def seal(key: str, value: bytes) -> bytes:
    """Pack a value with its key: checksum, length of the key, key, value."""
    name = key.encode("utf-8")
    body = len(name).to_bytes(_LENGTH, "big") + name + value
    return hashlib.blake2b(body, digest_size=_CHECKSUM).digest() + body


def unseal(key: str, sealed: bytes) -> bytes | None:
    """Unpack what `seal` packed under the same key; None if it is anything else."""
    checksum, body = sealed[:_CHECKSUM], sealed[_CHECKSUM:]
    if hashlib.blake2b(body, digest_size=_CHECKSUM).digest() != checksum:
        return None
    name = key.encode("utf-8")
    if body[:_LENGTH] != len(name).to_bytes(_LENGTH, "big"):
        return None
    start = _LENGTH + len(name)
    return body[start:] if body[_LENGTH:start] == name else None


class ProcessCache:
    """The least recently used values of this process, within a bound of bytes. Never away."""

    available = True

    def __init__(self, max_bytes: int, clock: Clock = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._bytes = 0
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def peek(self, key: str) -> bytes | None:
        """Read a value that has not expired."""
        entry = self._values.get(key)
        if entry is None:
            return None
        expires, value = entry
        if self._clock() >= expires:
            self._drop(key)
            return None
        self._values.move_to_end(key)
        return value

    async def get(self, key: str) -> bytes | None:
        """Read a value that has not expired."""
        return self.peek(key)

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        """Store a value, dropping the least recently used ones until it fits."""
        self.put(key, value, ttl_seconds)

    def put(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Do what `set` does, at once."""
        self._drop(key)
        size = _size(key, value)
        if size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._values)))
        self._values[key] = (self._clock() + ttl_seconds, value)
        self._bytes += size

    async def erase(self, text: bytes) -> bool:
        """Drop every value that holds a text."""
        for key in [key for key, (_, value) in self._values.items() if text in value]:
            self._drop(key)
        return True

    def forget(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._bytes = 0

    async def close(self) -> None:
        """Forget everything."""
        self.forget()

    def _drop(self, key: str) -> None:
        entry = self._values.pop(key, None)
        if entry is not None:
            self._bytes -= _size(key, entry[1])


def _size(key: str, value: bytes) -> int:
    # About what CPython needs beside the payload: the string, the bytes object, the tuple and the dict entry.
    return len(key) + len(value) + 300


class RedisCache:
    """Redis behind a bound of time and a breaker.

    A call takes at most `timeout_seconds`, whatever it waits for. After a failure Redis counts as away: it is not
    asked for `retry_seconds`, then by one call at a time, until one succeeds.
    """

    def __init__(
        self, url: str, timeout_seconds: float = 0.2, retry_seconds: float = 3.0, clock: Clock = time.monotonic
    ) -> None:
        self._timeout = timeout_seconds
        self._pause = retry_seconds
        self._clock = clock
        self._away = False
        self._ask_again = 0.0
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            max_connections=_MAX_CONNECTIONS,
        )

    @property
    def available(self) -> bool:
        """False from a failure to the next success."""
        return not self._away

    def peek(self, key: str) -> bytes | None:
        """Give None: nothing of Redis is in this process."""
        return None

    async def get(self, key: str) -> bytes | None:
        """Read a value; a miss, an outage and an altered value all read as None."""
        sealed = await self._ask(lambda: self._redis.get(key))
        if not isinstance(sealed, bytes):
            return None
        value = unseal(key, sealed)
        if value is None:
            _log.error("a cached value does not belong to its key; it is ignored", extra={"key": key})
        return value

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        """Store a value; an outage is not an error."""
        await self._ask(lambda: self._redis.set(key, seal(key, value), ex=ttl_seconds))

    async def erase(self, text: bytes) -> bool:
        """Look through all values of ours, some hundred at a time, and drop those that hold a text."""
        cursor = 0
        while True:
            found = await self._ask(functools.partial(self._erase_some, cursor, text))
            if not isinstance(found, int):
                return False
            if found == 0:
                return True
            cursor = found

    async def _erase_some(self, cursor: int, text: bytes) -> int:
        """Go one step through the keys; gives where to go on, 0 at the end."""
        following, keys = await self._redis.scan(cursor, match=f"{KEY_PREFIX}*", count=_SCANNED)
        values = await self._redis.mget(keys) if keys else []
        named = [key for key, value in zip(keys, values, strict=True) if value is not None and text in value]
        if named:
            await self._redis.unlink(*named)
        return int(following)

    def forget(self) -> None:
        """Do nothing: none of it is in this process."""

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    async def _ask(self, call: Callable[[], Awaitable[object]]) -> object | None:
        if self._away:
            if self._clock() < self._ask_again:
                return None
            self._ask_again = self._clock() + self._pause
        try:
            async with asyncio.timeout(self._timeout):
                answer = await call()
        except ResponseError as error:
            # Redis answers, but will not do this (memory full, read-only): not an outage.
            _log.warning("Redis refused a call", extra={"error": str(error)[:200]})
            self._recover()
            return None
        except (RedisError, OSError, TimeoutError) as error:
            self._fail(error)
            return None
        self._recover()
        return answer

    def _fail(self, error: Exception) -> None:
        self._ask_again = self._clock() + self._pause
        if not self._away:
            _log.warning("Redis is away; answers are computed without it", extra={"error": type(error).__name__})
        self._away = True

    def _recover(self) -> None:
        if self._away:
            _log.info("Redis is back")
        self._away = False


class LayeredCache:
    """Values of this process in front of those that all processes share.

    A value lives no longer than its time to live in both layers together: the shared one keeps it shorter by what
    the near one may add.
    """

    def __init__(self, near: ProcessCache, shared: Cache, near_seconds: int) -> None:
        self._near = near
        self._shared = shared
        self._near_seconds = near_seconds

    @property
    def available(self) -> bool:
        """False while the shared layer is known to be away; what is near is read all the same."""
        return self._shared.available

    def peek(self, key: str) -> bytes | None:
        """Read a value of this process."""
        return self._near.peek(key)

    async def get(self, key: str) -> bytes | None:
        """Read a value from the nearest layer that has it, and keep it near."""
        value = self._near.peek(key)
        if value is None:
            value = await self._shared.get(key)
            if value is not None:
                self._near.put(key, value, self._near_seconds)
        return value

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        """Store a value in both layers, or in this process alone where it is to live no longer than that."""
        self._near.put(key, value, min(ttl_seconds, self._near_seconds))
        if ttl_seconds > self._near_seconds:
            await self._shared.set(key, value, ttl_seconds - self._near_seconds)

    async def erase(self, text: bytes) -> bool:
        """Drop every value that holds a text; first where it could come back from."""
        reached = await self._shared.erase(text)
        await self._near.erase(text)
        return reached

    def forget(self) -> None:
        """Forget what is near."""
        self._near.forget()

    async def close(self) -> None:
        """Forget what is near, and close the shared layer."""
        await self._near.close()
        await self._shared.close()
