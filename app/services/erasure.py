"""Erasure of a person: every row, every cached answer, and what other processes keep in memory."""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from app.catalogue import People
from app.errors import StorageUnavailable, UnknownUser
from app.ports import Cache

_log = logging.getLogger(__name__)


class Erasures(Protocol):
    """How often people were erased, by whichever process and tenant."""

    async def count(self) -> int:
        """Give a number that grows with each erasure."""
        ...


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased. `degraded` names what was away: its copies end with their time to live."""

    user_id: str
    rows: Mapping[str, int]
    degraded: tuple[str, ...] = ()


class ErasureService:
    """Erases people, and notices when another process did."""

    def __init__(self, people: People, erasures: Erasures, cache: Cache, poll_seconds: float) -> None:
        self._people = people
        self._erasures = erasures
        self._cache = cache
        self._poll_seconds = poll_seconds
        self._watch: asyncio.Task[None] | None = None

    async def erase(self, user_id: str) -> Erasure:
        """Erase a person everywhere; a release that was trained with the person is replaced by the next training.

        Cached answers are searched for the id also where no row has it: a call may have ended half way before.

        Raises:
            UnknownUser: nothing is stored under the id.
            StorageUnavailable: no row has been erased.
        """
        erased = await self._people.erase(user_id)
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
                if seen is not None and count != seen:
                    # Whose answers they were, nobody may remember: all of them go. They are computed again, or shared.
                    self._cache.forget()
                    _log.info("somebody was erased; the answers in this process are forgotten")
                seen = count
            await asyncio.sleep(self._poll_seconds)


def _spellings(user_id: str) -> set[bytes]:
    """Write an id as it stands in JSON, with and without escapes."""
    return {json.dumps(user_id, ensure_ascii=escape).encode("utf-8") for escape in (True, False)}
