"""Small things that most answers need (titles, labels, what was withdrawn), kept in this process while they are true.

Every call reads the stamps of its tenant before anything else (app/db/versions.py). While they are those under which
a thing was read, nothing has been written since, by any process, and asking again would give the same.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, Protocol, TypeVar

from app.ports import ScoredItem
from app.stored import Items, Labels

_LIMIT = 200_000
"""Entries that are kept at once; with more, all are forgotten. About 30 MB of titles."""

T = TypeVar("T")


class Stamps(Protocol):
    """What a running call can know of writes."""

    def latest(self) -> tuple[int, int]:
        """Give the current tenant, and the sum of its stamps when a call last read them."""
        ...


class Remembered(Generic[T]):
    """Values by key under one state of the stamps, and never longer than `seconds`: not every writer has a stamp."""

    def __init__(self, stamps: Stamps, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stamps = stamps
        self._seconds = seconds
        self._clock = clock
        self._kept: dict[int, tuple[int, float, dict[str, T]]] = {}

    async def get(
        self, keys: Collection[str], read: Callable[[Collection[str]], Awaitable[Mapping[str, T]]]
    ) -> dict[str, T]:
        """Give the values of the keys that have one; those that are not known are read together."""
        before, known = self._current()
        missing = [key for key in keys if key not in known]
        found = {key: known[key] for key in keys if key in known}
        if missing:
            read_now = await read(missing)
            found.update(read_now)
            after, known = self._current()
            # Read while something was written, a value may be older than the stamps are now.
            if after == before and len(known) + len(read_now) <= _LIMIT:
                known.update(read_now)
        return found

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget all that the current tenant has under other keys."""
        kept = self._kept.get(self._stamps.latest()[0])
        if kept is not None:
            for key in kept[2].keys() - keys:
                del kept[2][key]

    def _current(self) -> tuple[tuple[int, int], dict[str, T]]:
        tenant, stamps = self._stamps.latest()
        kept = self._kept.get(tenant)
        if kept is None or kept[0] != stamps or self._clock() >= kept[1] or len(kept[2]) >= _LIMIT:
            kept = self._kept[tenant] = (stamps, self._clock() + self._seconds, {})
        return (tenant, stamps), kept[2]


class RememberedLabels:
    """Implements `app.stored.Labels` in front of another. Ids that are not stored are asked for each time."""

    def __init__(self, labels: Labels, kept: Remembered[str | None]) -> None:
        self._labels = labels
        self._kept = kept

    async def labels(self, ids: Collection[str]) -> Mapping[str, str | None]:
        """Give the labels of stored ids."""
        return await self._kept.get(ids, self._labels.labels) if ids else {}


class RememberedItems:
    """Implements `app.stored.Items` in front of another."""

    def __init__(self, items: Items, titles: Remembered[str | None], withdrawn: Remembered[frozenset[str]]) -> None:
        self._items = items
        self._titles = titles
        self._withdrawn = withdrawn

    async def titles(self, item_ids: Collection[str]) -> Mapping[str, str | None]:
        """Give the titles of stored items."""
        return await self._titles.get(item_ids, self._items.titles)

    async def most_popular(self, n: int, since: int | None = None) -> list[ScoredItem]:
        """Give the n items with the most interactions, counted anew."""
        return await self._items.most_popular(n, since)

    async def withdrawn(self) -> frozenset[str]:
        """Give the items that were deleted."""
        return (await self._withdrawn.get(["all"], self._read_withdrawn))["all"]

    async def _read_withdrawn(self, keys: Collection[str]) -> dict[str, frozenset[str]]:
        found = await self._items.withdrawn()
        return dict.fromkeys(keys, found)
