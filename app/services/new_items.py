"""Items that came after training join the lists of a release, by what their facts say of them.

Which items a release does not know, and where their facts place them, is found out once for each state of the
catalogue and the graph (app/remembered.py), and kept: without new items a call gets the release as it is. What is kept
holds its release, so it goes with the release: a process that swaps a hundred of them keeps no old one for it.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from app.ports import Fact, LoadedRelease
from app.remembered import Remembered
from app.services.scoring import ScoringPool


class StoredPlaces(Protocol):
    """What is stored of items that may be new."""

    async def entities(self) -> Sequence[tuple[str, str]]:
        """Give each item that is an entity, and the entity; newest first, ties by item id."""
        ...

    async def facts(self, entity_ids: Collection[str]) -> Sequence[Fact]:
        """Give every fact that one of the entities stands in."""
        ...


class NewItems:
    """Joins the newest items that a release does not know to it, at most `most` of them."""

    def __init__(
        self,
        stored: StoredPlaces,
        kept: Remembered[LoadedRelease],
        scoring: ScoringPool,
        most: int,
        serving: Callable[[], Sequence[LoadedRelease]],
    ) -> None:
        """`serving` gives the releases that answer the current tenant now; for others nothing is kept."""
        self._stored = stored
        self._serving = serving
        self._kept = kept
        self._scoring = scoring
        self._most = most
        self._reading = asyncio.Lock()

    async def joined(self, release: LoadedRelease) -> LoadedRelease:
        """Give the release with the new items of the current tenant; call it after the versions were read.

        Raises:
            StorageUnavailable, Overloaded: what is new cannot be told now.
        """
        if self._most == 0:
            return release
        self._kept.keep_only({_key(one) for one in (*self._serving(), release)})
        key = _key(release)

        async def read(keys: Collection[str]) -> dict[str, LoadedRelease]:
            return dict.fromkeys(keys, await self._read(release))

        # One at a time: who asks meanwhile finds it done.
        async with self._reading:
            return (await self._kept.get([key], read))[key]

    async def _read(self, release: LoadedRelease) -> LoadedRelease:
        knows = release.recommender.knows_item
        new: list[tuple[str, str]] = []
        for n, pair in enumerate(await self._stored.entities()):
            if n % 20_000 == 19_999:
                await asyncio.sleep(0)
            if not knows(pair[0]):
                new.append(pair)
                if len(new) == self._most:
                    break
        if not new:
            return release
        facts = await self._stored.facts({entity_id for _, entity_id in new})
        return await self._scoring.run(release.with_new_items, dict(new), facts)


def _key(release: LoadedRelease) -> str:
    """Name a release by identity: one that was loaded again is another. It is kept with what is remembered of it."""
    return f"{release.info.release_id} {id(release)}"
