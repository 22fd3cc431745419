"""Lists for many users by one call: their histories by one query, their scores by few large products."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.ports import Cache, LoadedRelease, ScoredItem
from app.services.explanations import Explanation, ExplanationService
from app.services.popularity import PopularItems
from app.services.recommendations import (
    NO_HISTORY,
    RecommendationQuery,
    Recommendations,
    Strategy,
    excluded_items,
    finite,
    listed,
)
from app.services.releases import ReleaseManager
from app.services.scoring import ScoringPool
from app.stored import Histories, History, Items, VersionSource

PIECE = 128
"""Users whose lists are made at once: other calls get their turn on the scoring threads in between."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One question for many users, each once: `query` holds all of it but the user."""

    user_ids: tuple[str, ...]
    query: RecommendationQuery


@dataclass(frozen=True, slots=True)
class _Ranked:
    user_id: str
    strategy: Strategy
    history: History
    items: Sequence[ScoredItem]


class BatchService:
    """Gives each user the list that `RecommendationService` gives, computed anew."""

    def __init__(
        self,
        versions: VersionSource,
        histories: Histories,
        items: Items,
        releases: ReleaseManager,
        popular: PopularItems,
        explanations: ExplanationService,
        scoring: ScoringPool,
        cache: Cache,
    ) -> None:
        self._versions = versions
        self._histories = histories
        self._items = items
        self._releases = releases
        self._popular = popular
        self._explanations = explanations
        self._scoring = scoring
        self._cache = cache

    async def recommend(self, batch: Batch) -> dict[str, Recommendations]:
        """Give the list of each user; those who were never seen, and asked for no fallback, are left out.

        Raises:
            NoActiveRelease, StorageUnavailable, Overloaded: none of it can be computed now.
        """
        release = self._releases.current()
        # For the stamps alone: what is kept in memory is as new as this.
        await self._versions.of(batch.user_ids[0])
        histories = await self._histories.histories(batch.user_ids)
        found: dict[str, Recommendations] = {}
        for start in range(0, len(batch.user_ids), PIECE):
            piece = batch.user_ids[start : start + PIECE]
            async for result in self._lists(release, replace(batch, user_ids=piece), histories):
                found[result.user_id] = result
        return found

    async def _lists(
        self, release: LoadedRelease, batch: Batch, histories: Mapping[str, History]
    ) -> AsyncIterator[Recommendations]:
        ranked = [*await self._personal(release, batch, histories), *await self._popularly(release, batch, histories)]
        titles = await self._items.titles({item.item_id for one in ranked for item in one.items})
        reasons = await self._reasons(release, batch, ranked)
        degraded = () if self._cache.available else ("cache",)
        for one in ranked:
            items = listed(one.items, titles, reasons.get(one.user_id, {}))
            yield Recommendations(one.user_id, release.info.release_id, one.strategy, items, degraded)
        await asyncio.sleep(0)

    async def _personal(self, release: LoadedRelease, batch: Batch, histories: Mapping[str, History]) -> list[_Ranked]:
        users = [u for u in batch.user_ids if u in histories and release.recommender.knows_user(u)]
        if not users:
            return []
        withdrawn = await self._items.withdrawn()
        excluded = [excluded_items(batch.query, histories[user_id]) | withdrawn for user_id in users]
        scored = await self._scoring.run(release.recommender.recommend_many, users, batch.query.limit, excluded)
        return [_Ranked(u, "personalized", histories[u], finite(s)) for u, s in zip(users, scored, strict=True)]

    async def _popularly(self, release: LoadedRelease, batch: Batch, histories: Mapping[str, History]) -> list[_Ranked]:
        withdrawn = await self._items.withdrawn()
        ranked = []
        for user_id in batch.user_ids:
            history = histories.get(user_id)
            if history is None and batch.query.fallback == "popular":
                history = NO_HISTORY
            elif history is None or release.recommender.knows_user(user_id):
                continue
            scored = await self._popular.top(batch.query.limit, excluded_items(batch.query, history) | withdrawn)
            ranked.append(_Ranked(user_id, "popular", history, scored))
        return ranked

    async def _reasons(
        self, release: LoadedRelease, batch: Batch, ranked: Sequence[_Ranked]
    ) -> Mapping[str, Mapping[str, Explanation]]:
        if batch.query.explain != "summary":
            return {}
        told = [one for one in ranked if one.strategy == "personalized" and one.items]
        lists = [(one.user_id, one.items, one.history.reasons) for one in told]
        found = await self._explanations.explain_many(release, lists)
        return {one.user_id: reasons for one, reasons in zip(told, found, strict=True)}
