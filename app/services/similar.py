"""Lists that are about nobody: items like one item, and what most people met."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from app.errors import UnknownItem, UnknownRelation
from app.filters import Filters
from app.ports import Cache, LoadedRelease, ScoredItem
from app.services.answers import Answer, Answers, parts_of
from app.services.popularity import PopularItems
from app.services.recommendations import NOBODY, RecommendedItem, listed, matching_all
from app.services.releases import ReleaseManager
from app.services.scoring import ScoringPool
from app.stored import Items, Labels, VersionSource


@dataclass(frozen=True, slots=True)
class Similar:
    """The items nearest to one, under one preference or in the whole space (`relation_id` is None)."""

    item_id: str
    relation_id: str | None
    release: str
    items: Sequence[RecommendedItem]


class ItemListService:
    """Lists of items for nobody in particular."""

    def __init__(
        self,
        versions: VersionSource,
        items: Items,
        relations: Labels,
        releases: ReleaseManager,
        popular: PopularItems,
        filters: Filters,
        scoring: ScoringPool,
        cache: Cache,
        answers: Answers,
        render: Callable[[Similar], bytes],
    ) -> None:
        self._versions = versions
        self._items = items
        self._relations = relations
        self._releases = releases
        self._popular = popular
        self._filters = filters
        self._scoring = scoring
        self._cache = cache
        self._answers = answers
        self._render = render

    async def similar(self, item_id: str, limit: int, relation_id: str | None, exclude: Collection[str]) -> bytes:
        """Give the rendered list of items like one.

        Raises:
            UnknownItem, UnknownRelation, NoActiveRelease, StorageUnavailable, Overloaded.
            NotInRelease: the release has no vector for the item or the relation.
        """
        release = self._releases.current()
        versions = await self._versions.of(NOBODY)
        excluded = tuple(sorted(set(exclude)))
        query = (item_id, limit, relation_id, excluded)
        parts = parts_of("similar", release.info.release_id, versions.stamps, query)
        return await self._answers.get(parts, partial(self._find, release, item_id, limit, relation_id, excluded))

    async def _find(
        self, release: LoadedRelease, item_id: str, limit: int, relation_id: str | None, exclude: Collection[str]
    ) -> Answer:
        if item_id not in await self._items.titles([item_id]):
            raise UnknownItem(item_id)
        if relation_id is not None and relation_id not in await self._relations.labels([relation_id]):
            raise UnknownRelation(relation_id)
        excluded = await self._items.withdrawn() | frozenset(exclude)
        scored = await self._scoring.run(release.people.similar, item_id, limit, excluded, relation_id)
        result = Similar(item_id, relation_id, release.info.release_id, await self._listed(scored))
        return Answer(self._render(result), complete=self._cache.available)

    async def popular(
        self, limit: int, days: int | None, filters: Sequence[str], exclude: Collection[str]
    ) -> Sequence[RecommendedItem]:
        """Give what most people met, ever or in the last `days`; no release is needed.

        Raises:
            UnknownRelation, UnknownEntity, InvalidQuery: a filter names what is not stored.
            StorageUnavailable: it cannot be counted now.
        """
        # For the stamps alone: what is kept in memory is as new as this.
        await self._versions.of(NOBODY)
        among = await matching_all(self._filters, filters)
        excluded = await self._items.withdrawn() | frozenset(exclude)
        return await self._listed(await self._popular.top(limit, excluded, among, days))

    async def _listed(self, scored: Sequence[ScoredItem]) -> Sequence[RecommendedItem]:
        titles = await self._items.titles([item.item_id for item in scored])
        return listed(scored, titles, {}, range(1, len(scored) + 1))
