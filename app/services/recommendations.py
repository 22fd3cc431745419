"""What to recommend to one person: personal where the release knows them, folded in from what they like where it does
not, popular where there is nothing to go by.
"""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

from app.errors import CursorExpired, StorageUnavailable, UnknownUser
from app.filters import Filters
from app.ports import Cache, LoadedRelease, ScoredItem
from app.services.answers import Answer, Answers, key_of, parts_of, told_away
from app.services.explanations import Asked, Explanation, ExplanationService
from app.services.new_items import NewItems
from app.services.paging import DEPTH, Cursor, Snapshot, Snapshots
from app.services.people import NO_HISTORY, Case, PeopleReader, Strategy, case_of
from app.services.ranking import Ranker, Wanted
from app.services.releases import ReleaseManager
from app.services.texts import DEFAULT_LANGUAGE
from app.stored import Items, Versions, VersionSource
from app.tenancy import current_tenant

NOBODY = ""
"""No user has this id: whose versions are read where only those of the tenant are asked for."""


@dataclass(frozen=True, slots=True)
class RecommendationQuery:
    """What is asked for, in one form: what has no order is sorted and without repeats. Equal questions are equal.

    Without a `user_id` it is for somebody who likes the `items`; with both, for the user if they liked those as well.
    """

    user_id: str | None
    limit: int = 10
    exclude_seen: bool = True
    exclude: tuple[str, ...] = ()
    explain: Literal["none", "summary", "full"] = "none"
    fallback: Literal["none", "popular"] = "none"
    filters: tuple[str, ...] = ()
    diversity: float = 0.0
    items: tuple[str, ...] = ()
    language: str = DEFAULT_LANGUAGE
    release: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude", tuple(sorted(set(self.exclude))))
        object.__setattr__(self, "filters", tuple(sorted(set(self.filters))))
        object.__setattr__(self, "items", tuple(dict.fromkeys(self.items)))
        object.__setattr__(self, "diversity", self.diversity + 0.0)


_QUERY_FIELDS = tuple(field.name for field in fields(RecommendationQuery))
# What may differ from page to page of one list.
_LIST_FIELDS = tuple(name for name in _QUERY_FIELDS if name not in ("limit", "explain", "language", "fallback"))


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """One line of a list; a `new_item` came after training."""

    rank: int
    item_id: str
    title: str | None
    score: float
    explanation: Explanation | None = None
    new_item: bool = False


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list for one person, computed once; `degraded` names what was away meanwhile."""

    user_id: str | None
    release: str
    strategy: Strategy
    items: tuple[RecommendedItem, ...]
    degraded: tuple[str, ...] = ()
    next_cursor: str | None = None
    recommendation_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class _Page:
    """Lines of a list before they have titles and reasons; `ranks` begin at 1 on the first page."""

    strategy: Strategy
    items: Sequence[ScoredItem]
    ranks: Sequence[int]
    next_cursor: str | None


class RecommendationService:
    """Answers are rendered by `render` once, then cached as they are sent; later pages are cut from a snapshot."""

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
        answers: Answers,
        snapshots: Snapshots,
        new_items: NewItems,
        render: Callable[[Recommendations], bytes],
    ) -> None:
        self._versions = versions
        self._people = people
        self._items = items
        self._releases = releases
        self._filters = filters
        self._ranker = ranker
        self._explanations = explanations
        self._cache = cache
        self._answers = answers
        self._snapshots = snapshots
        self._new_items = new_items
        self._render = render

    async def recommend(self, query: RecommendationQuery, cursor: str | None = None) -> bytes:
        """Give the rendered list for one person, or the page of it that a cursor leads to.

        Raises:
            NoActiveRelease, Overloaded: it cannot be computed now.
            ReleaseNotLoaded: another release was asked for than those that answer.
            StorageUnavailable: nor from memory, as for users of the release it can: without filters, a first page.
            UnknownUser: never seen, and no fallback was asked for.
            UnknownRelation, UnknownEntity, InvalidQuery: a filter names what is not stored, or a cursor no such list.
            CursorExpired: the list cannot be followed any more.
        """
        try:
            body = await self._recommend(query, cursor)
            return body if self._cache.available else told_away(body)
        except StorageUnavailable:
            known = await self._from_memory(query) if cursor is None and not query.filters else None
            if known is None:
                raise
            return known

    async def _recommend(self, query: RecommendationQuery, cursor: str | None) -> bytes:
        release = self._releases.chosen(query.release, query.user_id)
        versions = await self._versions.of(NOBODY if query.user_id is None else query.user_id)
        unknown = query.user_id is not None and versions.history is None
        if unknown and query.fallback != "popular":
            raise UnknownUser(query.user_id or NOBODY)
        if cursor is not None:
            return await self._follow(release, query, versions, Cursor.decode(cursor))
        if unknown:
            # Not cached: ids without a user are endless, and the popular list behind it is kept anyway.
            return (await self._compute(release, query, versions)).body
        return await self._answers.get(
            question_parts(release.info.release_id, query, versions), lambda: self._compute(release, query, versions)
        )

    async def _from_memory(self, query: RecommendationQuery) -> bytes | None:
        """Give the first page from the release alone, for a user or a session that it knows; None for others.

        What was met, deleted or steered is not known now, nor are titles and reasons: the list says so.
        """
        release = self._releases.chosen(query.release, query.user_id)
        case = self._people.unread(release, query.user_id, query.items)
        if case.strategy == "popular" or (case.strategy == "fold_in" and query.user_id is not None):
            return None
        wanted = Wanted(query.limit, query.diversity)
        (scored,) = await self._ranker.rank(release, [case], [excluded_items(query, case)], wanted)
        items = listed(scored, {}, {}, range(1, len(scored) + 1))
        degraded = ("history",) if self._cache.available else ("cache", "history")
        return self._render(Recommendations(query.user_id, release.info.release_id, case.strategy, items, degraded))

    async def _compute(self, release: LoadedRelease, query: RecommendationQuery, versions: Versions) -> Answer:
        release = await self._new_items.joined(release)
        case = await self._case(release, query, versions)
        scored = await self._ranked(release, query, case, query.limit + 1)
        cursor = None
        if len(scored) > query.limit:
            scored = scored[: query.limit]
            cursor = await self._next_of_first(release, query, case, scored)
        page = _Page(case.strategy, scored, range(1, len(scored) + 1), cursor)
        return await self._answer(release, query, case, page)

    async def _follow(
        self, release: LoadedRelease, query: RecommendationQuery, versions: Versions, cursor: Cursor
    ) -> bytes:
        question, release_id = question_of(query), release.info.release_id
        self._snapshots.check(cursor, question, release_id)
        release = await self._new_items.joined(release)
        case = await self._case(release, query, versions)
        snapshot = await self._snapshots.read(cursor)
        if snapshot is None and cursor.snapshot is not None:
            raise CursorExpired("The rest of this list is not kept any more")
        if snapshot is None:
            snapshot = await self._take(release, query, case, cursor)
        # What was met or deleted since is left out here, and nothing takes its place twice.
        closed = excluded_items(query, case) | await self._items.withdrawn()
        open_ = [k for k in range(cursor.offset, len(snapshot.items)) if snapshot.items[k].item_id not in closed]
        shown = open_[: query.limit]
        following = None
        if len(open_) > query.limit:
            following = Cursor(question, release_id, snapshot=snapshot.key, offset=open_[query.limit]).encode()
        ranks, items = [snapshot.before + 1 + k for k in shown], [snapshot.items[k] for k in shown]
        page = _Page(snapshot.strategy, items, ranks, following)
        return (await self._answer(release, query, case, page)).body

    async def _next_of_first(
        self, release: LoadedRelease, query: RecommendationQuery, case: Case, shown: Sequence[ScoredItem]
    ) -> str:
        question, names = question_of(query), [item.item_id for item in shown]
        cursor = self._snapshots.first(question, release.info.release_id, names)
        if cursor is not None:
            return cursor
        # Ids so long that no URL holds them: the rest of the list is taken at once.
        taken = await self._take(release, query, case, Cursor(question, release.info.release_id, shown=tuple(names)))
        return Cursor(question, release.info.release_id, snapshot=taken.key).encode()

    async def _take(self, release: LoadedRelease, query: RecommendationQuery, case: Case, cursor: Cursor) -> Snapshot:
        rest = await self._ranked(release, query, case, DEPTH, frozenset(cursor.shown))
        snapshot = Snapshot(self._snapshots.key(cursor), case.strategy, len(cursor.shown), rest)
        await self._snapshots.keep(snapshot, cursor.question, query.user_id)
        return snapshot

    async def _case(self, release: LoadedRelease, query: RecommendationQuery, versions: Versions) -> Case:
        if query.user_id is None or (versions.history is None and not query.items):
            return case_of(release, None, NO_HISTORY, {}, query.items)
        return await self._people.read(release, query.user_id, versions.preferences > 0, query.items)

    async def _ranked(
        self,
        release: LoadedRelease,
        query: RecommendationQuery,
        case: Case,
        n: int,
        shown: frozenset[str] = frozenset(),
    ) -> list[ScoredItem]:
        among = await matching_all(self._filters, query.filters)
        excluded = excluded_items(query, case) | await self._items.withdrawn() | shown
        wanted = Wanted(n, query.diversity, among)
        return (await self._ranker.rank(release, [case], [excluded], wanted))[0]

    async def _answer(self, release: LoadedRelease, query: RecommendationQuery, case: Case, page: _Page) -> Answer:
        explanations: Mapping[str, Explanation] = {}
        if query.explain != "none" and page.items and page.strategy == case.strategy != "popular":
            asked = await self._asked(query, case, page)
            (explanations,) = [one async for one in self._explanations.explain(release, [asked], query.language)]
        titles = await self._items.titles([item.item_id for item in page.items])
        items = listed(page.items, titles, explanations, page.ranks, release.new_items)
        degraded = () if self._cache.available else ("cache",)
        result = Recommendations(
            query.user_id, release.info.release_id, page.strategy, items, degraded, page.next_cursor
        )
        return Answer(self._render(result), complete=not degraded)

    async def _asked(self, query: RecommendationQuery, case: Case, page: _Page) -> Asked:
        names = [item.item_id for item in page.items]
        if query.explain != "full":
            return Asked(case.person, names, case.reasons)
        excluded = excluded_items(query, case) | await self._items.withdrawn()
        return Asked(case.person, names, case.reasons, excluded, page.ranks[-1])


def question_parts(release_id: str, query: RecommendationQuery, versions: Versions) -> dict[str, object]:
    """Describe a question in full, with what its answer rests on: what its key in the cache is made of."""
    asked = [getattr(query, name) for name in _QUERY_FIELDS]
    return parts_of("recommendations", release_id, versions.of_person, asked)


def question_of(query: RecommendationQuery) -> str:
    """Name who asks for which list, whatever a page of it may vary: a hash."""
    return key_of({"tenant": current_tenant(), "list": [getattr(query, name) for name in _LIST_FIELDS]})[-16:]


async def matching_all(filters: Filters, texts: Sequence[str]) -> frozenset[str] | None:
    """Give the items that every filter leaves in; None without filters."""
    among: frozenset[str] | None = None
    for text in texts:
        found = await filters.matching(text)
        among = found if among is None else among & found
    return among


def listed(
    scored: Sequence[ScoredItem],
    titles: Mapping[str, str | None],
    explanations: Mapping[str, Explanation],
    ranks: Sequence[int],
    new_items: Collection[str] = (),
) -> tuple[RecommendedItem, ...]:
    """Put ranks, titles and reasons to the lines of a list, and mark those of new items."""
    return tuple(
        RecommendedItem(
            rank,
            item.item_id,
            titles.get(item.item_id),
            float(item.score),
            explanations.get(item.item_id),
            item.item_id in new_items,
        )
        for rank, item in zip(ranks, scored, strict=True)
    )


def excluded_items(query: RecommendationQuery, case: Case) -> frozenset[str]:
    """Give what may not be in the list."""
    seen: Collection[str] = (*case.history.items, *query.items) if query.exclude_seen else ()
    return frozenset(query.exclude).union(seen)
