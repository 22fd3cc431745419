"""Erasure of a person: every row, every cached answer, and what other processes keep in memory."""

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from app.catalogue import People
from app.erased import user_key
from app.errors import StorageUnavailable, UnknownUser
from app.ports import Cache
from app.remembered import Remembered
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


class ErasedUsers:
    """When people were erased, by the hash of their id: a release of before still knows them. Every list asks."""

    def __init__(self, erasures: Erasures, kept: Remembered[bool]) -> None:
        self._erasures = erasures
        self._kept = kept
        self._erased_at: Mapping[str, float] = {}

    async def refresh(self) -> None:
        """Read who was erased, unless nothing was written since a call read it.

        Raises:
            StorageUnavailable: what was read before still holds.
        """
        await self._kept.get(["all"], self._learn)

    async def learn(self) -> None:
        """Read who was erased, for what is answered while nothing can be read.

        Raises:
            StorageUnavailable: what was read before still holds.
        """
        self._erased_at = await self._erasures.erased()

    def after(self, user_id: str, data_until: float) -> bool:
        """Tell whether the current tenant's user was erased after the data of a release ended."""
        if not self._erased_at:
            return False
        erased_at = self._erased_at.get(user_key(current_tenant(), user_id))
        return erased_at is not None and erased_at >= data_until

    async def _learn(self, keys: Collection[str]) -> dict[str, bool]:
        await self.learn()
        return dict.fromkeys(keys, True)


class ErasureService:
    """Erases people, and notices when another process did."""

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
        with suppress(StorageUnavailable):  # the rows are gone; who was erased is read by the next list, too
            await self._erased.learn()
        reached = True
        for text in _spellings(user_id):
            reached &= await self._cache.erase(text)
        if erased is None:
            raise UnknownUser(user_id)
        return Erasure(user_id, erased.rows, () if reached else ("cache",))

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
                    await self._erased.learn()
                if seen is not None and count != seen:
                    # Whose answers they were, nobody may remember: all of them go. They are computed again, or shared.
                    self._cache.forget()
                    _log.info("somebody was erased; the answers in this process are forgotten")
                seen = count
            await asyncio.sleep(self._poll_seconds)


def _spellings(user_id: str) -> set[bytes]:
    """Write an id as it stands in JSON, with and without escapes."""
    return {json.dumps(user_id, ensure_ascii=escape).encode("utf-8") for escape in (True, False)}
