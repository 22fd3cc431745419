"""The list for people the model does not know: what most people met."""

import asyncio
import time
from collections.abc import Callable, Collection

from app.ports import ScoredItem
from app.stored import Items

_LEAST = 1_024


class PopularItems:
    """The most popular items, counted at most once in `refresh_seconds` for each process.

    Counting reads every interaction, so its result is kept: order and counts may be that old. What a caller
    excludes is never shown, however fresh it is.
    """

    def __init__(
        self, items: Items, refresh_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._items = items
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._ranked: list[ScoredItem] = []
        self._asked = 0
        self._counted_at = float("-inf")

    async def top(self, n: int, exclude: Collection[str]) -> list[ScoredItem]:
        """Give the best n items that are not excluded; fewer only if fewer remain in the catalogue."""
        excluded = set(exclude)
        ranked = await self._ranking(n + len(excluded))
        return [item for item in ranked if item.item_id not in excluded][:n]

    async def _ranking(self, n: int) -> list[ScoredItem]:
        async with self._lock:
            stale = self._clock() - self._counted_at >= self._refresh_seconds
            if stale or n > self._asked:
                # A power of two: users with ever longer histories do not each count again.
                asked = max(_LEAST, 1 << (n - 1).bit_length())
                self._ranked = await self._items.most_popular(asked)
                self._asked = asked
                self._counted_at = self._clock()
            return self._ranked
