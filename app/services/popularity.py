"""The list for people the model does not know: what most people met, ever or of late."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from app.ports import ScoredItem
from app.stored import Items
from app.tenancy import current_tenant

_LEAST = 1_024
_EVERYTHING = 2**31 - 1
_LISTS = 64
"""Rankings that are kept: one for each tenant and window; the one that was not asked for longest makes room."""
_DAY = 86_400


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ranked: list[ScoredItem] = field(default_factory=list)
    asked: int = 0
    counted_at: float = float("-inf")


class PopularItems:
    """The most popular items, counted at most once in `refresh_seconds` for each process, tenant and window.

    Counting reads every interaction, so its result is kept: order and counts may be that old. What a caller
    excludes is never shown, however fresh it is.
    """

    def __init__(
        self,
        items: Items,
        refresh_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._items = items
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._now = now
        self._kept: OrderedDict[tuple[int, int | None], _Kept] = OrderedDict()

    async def top(
        self, n: int, exclude: Collection[str], among: Collection[str] | None = None, days: int | None = None
    ) -> list[ScoredItem]:
        """Give the best n items that are not excluded, and are among those that may be listed; fewer if fewer remain.

        With `days`, interactions of so many days are counted, and items that nobody met in them are left out.
        """
        excluded = set(exclude)
        # How far down the few that may be listed stand, nobody knows.
        ranked = await self._ranking(n + len(excluded) if among is None else _EVERYTHING, days)
        return [i for i in ranked if i.item_id not in excluded and (among is None or i.item_id in among)][:n]

    async def _ranking(self, n: int, days: int | None) -> list[ScoredItem]:
        key = (current_tenant(), days)
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if len(self._kept) > _LISTS:
            self._kept.popitem(last=False)
        async with kept.lock:
            stale = self._clock() - kept.counted_at >= self._refresh_seconds
            if stale or n > kept.asked:
                # A power of two: users with ever longer histories do not each count again.
                asked = min(_EVERYTHING, max(_LEAST, 1 << (n - 1).bit_length()))
                since = None if days is None else int(self._now()) - days * _DAY
                kept.ranked = await self._items.most_popular(asked, since)
                kept.asked, kept.counted_at = asked, self._clock()
            return kept.ranked
