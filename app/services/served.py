"""What was recommended goes into a log, in the background: no answer waits for it.

A list is noted once, when it is computed. While it is cached, it goes out again under the same `recommendation_id` and
is the same list: who asks again within its time to live has not been shown anything new. So rates are per list, not
per request, and a hit in the cache costs nothing here.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from app.errors import StorageUnavailable
from app.stored_operations import Served, ServedLists
from app.tenancy import current_tenant

_log = logging.getLogger(__name__)
_BATCH = 1_000
_PAUSE_SECONDS = 1.0
_PRUNE_SECONDS = 600.0
_LAST_CHANCE_SECONDS = 2.0


class Shown(Protocol):
    """A computed list, as far as the log reads it."""

    @property
    def recommendation_id(self) -> str:
        """The list's own id."""
        ...

    @property
    def user_id(self) -> str | None:
        """For whom; None for an anonymous session."""
        ...

    @property
    def release(self) -> str:
        """What answered."""
        ...

    @property
    def strategy(self) -> str:
        """How it was made."""
        ...

    @property
    def items(self) -> Iterable["ShownItem"]:
        """What it holds."""
        ...


class ShownItem(Protocol):
    """One line of a list."""

    @property
    def item_id(self) -> str:
        """The item."""
        ...


S = TypeVar("S", bound=Shown)


class Tally(Protocol):
    """Who counts what becomes of lists, as `app.metrics.Metrics` does."""

    def logged(self, outcome: str, n: int = 1) -> None:
        """Count lists that were `stored` or `dropped`."""
        ...

    def waiting(self, n: int) -> None:
        """Say how many wait."""
        ...


class ServedLog:
    """Takes lists without waiting, and stores them in batches. What does not fit the queue is dropped and counted."""

    def __init__(
        self,
        lists: ServedLists,
        tally: Tally,
        queue: int,
        keep_days: float,
        keep_lists: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lists = lists
        self._tally = tally
        self._places = queue
        self._keep = timedelta(days=keep_days)
        self._keep_lists = keep_lists
        self._clock = clock
        self._waiting: deque[Served] = deque()
        self._prune_at = 0.0
        self._writer: asyncio.Task[None] | None = None

    def offer(self, shown: Shown) -> None:
        """Note a list that was computed for the current tenant. Never waits, never fails."""
        if len(self._waiting) >= self._places:
            if self._places:
                self._tally.logged("dropped")
            return
        items = tuple(item.item_id for item in shown.items)
        self._waiting.append(
            Served(
                shown.recommendation_id,
                current_tenant(),
                shown.user_id,
                shown.release,
                shown.strategy,
                items,
                datetime.now(UTC),
            )
        )

    def noting(self, render: Callable[[S], bytes]) -> Callable[[S], bytes]:
        """Note each list that is rendered: once for each that is computed, never for one from the cache."""

        def noted(shown: S) -> bytes:
            self.offer(shown)
            return render(shown)

        return noted

    def start(self) -> None:
        """Begin to store, in the background."""
        self._writer = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Store what waits, if that takes no longer than two seconds, and end."""
        if self._writer is not None:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_CHANCE_SECONDS):
                await self.flush()
        self._tally.logged("dropped", len(self._waiting))

    async def flush(self) -> None:
        """Store everything that waits; where storing fails, it waits on."""
        while self._waiting:
            batch = [self._waiting[place] for place in range(min(_BATCH, len(self._waiting)))]
            await self._lists.store(batch)
            for _ in batch:
                self._waiting.popleft()
            self._tally.logged("stored", len(batch))

    async def _write_on(self) -> None:
        while True:
            try:
                self._tally.waiting(len(self._waiting))
                await self.flush()
                await self._prune()
            except StorageUnavailable:
                pass  # The database's own log line says why; the lists wait.
            except Exception:
                self._tally.logged("dropped", len(self._waiting))
                self._waiting.clear()
                _log.exception("what was recommended could not be logged")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _prune(self) -> None:
        if self._clock() < self._prune_at:
            return
        self._prune_at = self._clock() + _PRUNE_SECONDS
        gone = await self._lists.prune(datetime.now(UTC) - self._keep, self._keep_lists)
        if gone:
            _log.info("old lists left the log", extra={"lists": gone})
