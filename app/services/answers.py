"""Computed answers, cached: one computation a key at a time, and only complete answers are stored."""

import asyncio
import hashlib
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from app.ports import Cache
from app.tenancy import current_tenant

SCHEMA = 1
"""Part of every key. Raise it whenever the stored bytes change their form."""

FOUND = ("process", "shared", "running", "none")
"""Where an answer was: near, in the cache of all processes, being computed for somebody else, or nowhere."""

_JITTER = 0.1
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer, ready to send. `complete` is False where something was away: it is never stored."""

    body: bytes
    complete: bool


class Answers:
    """Gives answers from the cache or computes them."""

    def __init__(self, cache: Cache, ttl_seconds: int, note: Callable[[str], None] = lambda _found: None) -> None:
        """Take a cache; `note` is told for each question where its answer was, one of `FOUND`."""
        self._cache = cache
        self._note = note
        self._ttl_seconds = ttl_seconds
        self._running: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, parts: Mapping[str, object], compute: Callable[[], Awaitable[Answer]]) -> bytes:
        """Give the answer to the question that `parts` describe in full (see `key_of`).

        Those who ask the same at the same time share one computation. It runs in a task of its own: a caller that
        goes away takes nothing from the others. An error reaches all of them, and is not kept.
        """
        key = key_of(parts)
        near = self._cache.peek(key)
        if near is not None:
            # Most calls end here: no task, no waiting.
            self._note("process")
            return near
        task = self._running.get(key)
        if task is not None:
            self._note("running")
        else:
            task = asyncio.create_task(self._find(key, compute))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    async def _find(self, key: str, compute: Callable[[], Awaitable[Answer]]) -> bytes:
        cached = await self._cache.get(key)
        self._note("none" if cached is None else "shared")
        if cached is not None:
            return cached
        answer = await compute()
        if answer.complete:
            await self._cache.set(key, answer.body, self._jittered_ttl())
        return answer.body

    def _jittered_ttl(self) -> int:
        """Spread expiry, so that answers computed together are not computed together again."""
        return max(1, round(self._ttl_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)))

    def _forget(self, key: str, done: asyncio.Task[bytes]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            # Where every caller went away, this marks the error as seen.
            done.exception()


def told_away(body: bytes) -> bytes:
    """Say in a whole answer that the cache is away, as a computed one does.

    JSON escapes every quote inside of a text, so that these bytes are the field, whatever a title says.

    >>> told_away(b'{"degraded":[],"items":[]}')
    b'{"degraded":["cache"],"items":[]}'
    """
    return body.replace(b'"degraded":[]', b'"degraded":["cache"]', 1)


def parts_of(kind: str, release_id: str, versions: object, query: object) -> dict[str, object]:
    """Describe a question of the current tenant in full; `versions` are of all that its answer rests on."""
    return {"kind": kind, "tenant": current_tenant(), "release": release_id, "versions": versions, "query": query}


def key_of(parts: Mapping[str, object]) -> str:
    """Name a question: a hash over its JSON, in which no two different sets of parts look alike.

    >>> key_of({"user": "a:b", "limit": 1}) == key_of({"limit": 1, "user": "a:b"})
    True
    >>> key_of({"user": "a", "more": "b"}) == key_of({"user": 'a","more":"b'})
    False
    """
    return f"ktup:{hashlib.sha256(_encode([SCHEMA, parts]).encode('ascii')).hexdigest()}"
