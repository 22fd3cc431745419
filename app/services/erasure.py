"""Erasure of a person: every row, every cached answer, and what other processes keep in memory."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from app.catalogue import People
from app.erased import ErasedUsers, user_key
from app.errors import StorageUnavailable, UnknownUser
from app.ports import Cache
from app.tenancy import current_tenant

_log = logging.getLogger(__name__)


class Erasures(Protocol):
    """Who was erased, and how often somebody was, by whichever process and tenant."""

    async def count(self) -> int:
        """Give a number that grows with each erasure."""
        ...

    async def erased(self) -> Mapping[str, float]:
        """Give who was erased, by `app.erased.user_key`, and when (seconds since 1970, UTC)."""
        ...


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased. `degraded` names what was away: its copies end with their time to live."""

    user_id: str
    rows: Mapping[str, int]
    degraded: tuple[str, ...] = ()


class ErasureService:
    """Erases people, and notices when another process did. Who was erased, `erased` tells without asking a database."""

    def __init__(
        self, people: People, erasures: Erasures, erased: ErasedUsers, cache: Cache, poll_seconds: float
    ) -> None:
        self._people = people
        self._erasures = erasures
        self._erased = erased
        self._cache = cache
        self._poll_seconds = poll_seconds
        self._watch: asyncio.Task[None] | None = None

    async def erase(self, user_id: str) -> Erasure:
        """Erase a person everywhere; to a release that was trained with the person, the id is one that it never saw.

        Cached answers are searched for the id also where no row has it: a call may have ended half way before.

        Raises:
            UnknownUser: nothing is stored under the id.
            StorageUnavailable: no row has been erased.
        """
        erased = await self._people.erase(user_id)
        self._erased.learn({user_key(current_tenant(), user_id): time.time()} if erased else {})
        reached = True
        for text in _spellings(user_id):
            reached &= await self._cache.erase(text)
        if erased is None:
            raise UnknownUser(user_id)
        return Erasure(user_id, erased.rows, () if reached else ("cache",))

    async def learn(self) -> None:
        """Read who was erased.

        Raises:
            StorageUnavailable: what was read before still holds.
        """
        self._erased.learn(await self._erasures.erased())

    def start(self) -> None:
        """Begin to watch for erasures by other processes."""
        self._watch = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch

    async def _follow(self) -> None:
        seen: int | None = None
        while True:
            with suppress(StorageUnavailable):
                count = await self._erasures.count()
                if count != seen:
                    await self.learn()
                if seen is not None and count != seen:
                    # Whose answers they were, nobody may remember: all of them go. They are computed again, or shared.
                    self._cache.forget()
                    _log.info("somebody was erased; the answers in this process are forgotten")
                seen = count
            await asyncio.sleep(self._poll_seconds)


def _spellings(user_id: str) -> set[bytes]:
    """Write an id as it stands in JSON, with and without escapes."""
    return {json.dumps(user_id, ensure_ascii=escape).encode("utf-8") for escape in (True, False)}
