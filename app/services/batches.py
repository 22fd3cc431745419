"""Lists for many users by one call: their histories by one query, their scores by few large products."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.filters import Filters
from app.ports import Cache, LoadedRelease, ScoredItem
from app.services.explanations import Asked, Explanation, ExplanationService
from app.services.new_items import NewItems
from app.services.paging import Snapshots
from app.services.people import NO_HISTORY, Case, PeopleReader, case_of
from app.services.ranking import Ranker, Wanted
from app.services.recommendations import (
    NOBODY,
    RecommendationQuery,
    Recommendations,
    excluded_items,
    listed,
    matching_all,
    question_of,
)
from app.services.releases import ReleaseManager
from app.stored import Items, VersionSource

PIECE = 128
"""Users who are ranked at once, by large products: other calls get their turn on the scoring threads in between."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One question for many users, each once: `query` holds all of it but the user."""

    user_ids: tuple[str, ...]
    query: RecommendationQuery


@dataclass(frozen=True, slots=True)
class _Ranked:
    """One user's list; with `more`, it has a next page."""

    user_id: str
    case: Case
    items: Sequence[ScoredItem]
    more: bool
    excluded: frozenset[str]


class BatchService:
    """Gives each user the list that `RecommendationService` gives, computed anew."""

    def __init__(
        self,
        versions: VersionSource,
        people: PeopleReader,
        items: Items,
        releases: ReleaseManager,
        filters: Filters,
        ranker: Ranker,
        explanations: ExplanationService,
        cache: Cache,
        snapshots: Snapshots,
        new_items: NewItems,
        note: Callable[[Recommendations], None] = lambda _list: None,
    ) -> None:
        """Take what is needed; `note` is told each list that is made."""
        self._versions = versions
        self._people = people
        self._items = items
        self._releases = releases
        self._filters = filters
        self._ranker = ranker
        self._explanations = explanations
        self._cache = cache
        self._snapshots = snapshots
        self._new_items = new_items
        self._note = note

    async def recommend(self, batch: Batch) -> AsyncGenerator[Recommendations]:
        """Give the lists of the users, in any order; those who were never seen, and asked for no fallback, have none.

        They are made as they are asked for, and the event loop is left between any two: who wants no more closes this.

        Raises:
            NoActiveRelease, StorageUnavailable, Overloaded: none of it can be computed now.
            UnknownRelation, UnknownEntity, InvalidQuery: a filter names what is not stored.
        """
        dealt = self._releases.dealt(batch.user_ids)
        # For the stamps alone: what is kept in memory is as new as this.
        await self._versions.of(NOBODY)
        among = await matching_all(self._filters, batch.query.filters)
        for as_made, user_ids in dealt:
            release = await self._new_items.joined(as_made)
            cases = await self._cases(release, batch.query, user_ids)
            users = list(cases)
            for start in range(0, len(users), PIECE):
                piece = {user_id: cases[user_id] for user_id in users[start : start + PIECE]}
                async for result in self._lists(release, batch.query, piece, among):
                    self._note(result)
                    yield result
                    await asyncio.sleep(0)

    async def _cases(
        self, release: LoadedRelease, query: RecommendationQuery, user_ids: Sequence[str]
    ) -> dict[str, Case]:
        """See users as a release does, in their order; who was never seen is there only where popular items will do."""
        cases: Mapping[str, Case] = await self._people.read_many(release, user_ids)
        if query.fallback == "popular":
            nobody = case_of(release, None, NO_HISTORY, {})
            cases = {user_id: cases.get(user_id, nobody) for user_id in user_ids}
        return {user_id: cases[user_id] for user_id in user_ids if user_id in cases}

    async def _lists(
        self,
        release: LoadedRelease,
        query: RecommendationQuery,
        cases: Mapping[str, Case],
        among: frozenset[str] | None,
    ) -> AsyncIterator[Recommendations]:
        ranked = await self._ranked(release, query, cases, among)
        titles = await self._items.titles({item.item_id for one in ranked for item in one.items})
        degraded, new = () if self._cache.available else ("cache",), release.new_items
        async for one, reasons in self._with_reasons(release, query, ranked):
            items = listed(one.items, titles, reasons, range(1, len(one.items) + 1), new)
            cursor = self._cursor(release, query, one) if one.more else None
            yield Recommendations(one.user_id, release.info.release_id, one.case.strategy, items, degraded, cursor)

    async def _ranked(
        self,
        release: LoadedRelease,
        query: RecommendationQuery,
        cases: Mapping[str, Case],
        among: frozenset[str] | None,
    ) -> list[_Ranked]:
        withdrawn = await self._items.withdrawn()
        excluded = [excluded_items(query, case) | withdrawn for case in cases.values()]
        wanted, n = Wanted(query.limit + 1, query.diversity, among), query.limit
        lists = await self._ranker.rank(release, list(cases.values()), excluded, wanted)
        return [
            _Ranked(user_id, cases[user_id], scored[:n], len(scored) > n, closed)
            for user_id, scored, closed in zip(cases, lists, excluded, strict=True)
        ]

    def _cursor(self, release: LoadedRelease, query: RecommendationQuery, one: _Ranked) -> str | None:
        question = question_of(replace(query, user_id=one.user_id))
        return self._snapshots.first(question, release.info.release_id, [item.item_id for item in one.items])

    async def _with_reasons(
        self, release: LoadedRelease, query: RecommendationQuery, ranked: Sequence[_Ranked]
    ) -> AsyncIterator[tuple[_Ranked, Mapping[str, Explanation]]]:
        """Put its reasons to each list; those that have none come first."""
        told = [one for one in ranked if query.explain != "none" and one.case.strategy != "popular" and one.items]
        explained = {one.user_id for one in told}
        for one in ranked:
            if one.user_id not in explained:
                yield one, {}
        full, rest = query.explain == "full", iter(told)
        lists = [
            Asked(
                one.case.person,
                [item.item_id for item in one.items],
                one.case.reasons,
                one.excluded if full else None,
                len(one.items),
            )
            for one in told
        ]
        async for reasons in self._explanations.explain(release, lists, query.language):
            yield next(rest), reasons
