"""What to recommend to one user: personal where the release knows them, popular where it does not."""

import logging
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

from app.errors import UnknownUser
from app.ports import Cache, LoadedRelease, ScoredItem
from app.services.answers import Answer, Answers
from app.services.explanations import Explanation, ExplanationService
from app.services.popularity import PopularItems
from app.services.releases import ReleaseManager
from app.services.scoring import ScoringPool
from app.stored import Histories, History, Items, Versions, VersionSource
from app.tenancy import current_tenant

_log = logging.getLogger(__name__)

NO_HISTORY = History((), frozenset())

Strategy = Literal["personalized", "fold_in", "popular"]


@dataclass(frozen=True, slots=True)
class RecommendationQuery:
    """What is asked for, in one form: `exclude` is sorted and without repeats, so that equal questions are equal."""

    user_id: str
    limit: int = 10
    exclude_seen: bool = True
    exclude: tuple[str, ...] = ()
    explain: Literal["none", "summary"] = "none"
    fallback: Literal["none", "popular"] = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude", tuple(sorted(set(self.exclude))))


_QUERY_FIELDS = tuple(field.name for field in fields(RecommendationQuery))


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """One line of a list."""

    rank: int
    item_id: str
    title: str | None
    score: float
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list for one user, computed once; `degraded` names what was away meanwhile."""

    user_id: str
    release: str
    strategy: Strategy
    items: tuple[RecommendedItem, ...]
    degraded: tuple[str, ...] = ()
    next_cursor: str | None = None
    recommendation_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class RecommendationService:
    """Answers are rendered by `render` once, then cached as they are sent."""

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
        answers: Answers,
        render: Callable[[Recommendations], bytes],
    ) -> None:
        self._versions = versions
        self._histories = histories
        self._items = items
        self._releases = releases
        self._popular = popular
        self._explanations = explanations
        self._scoring = scoring
        self._cache = cache
        self._answers = answers
        self._render = render

    async def recommend(self, query: RecommendationQuery) -> bytes:
        """Give the rendered list for one user.

        Raises:
            NoActiveRelease, StorageUnavailable, Overloaded: it cannot be computed now.
            UnknownUser: never seen, and no fallback was asked for.
        """
        release = self._releases.current()
        versions = await self._versions.of(query.user_id)
        if versions.history is None:
            if query.fallback != "popular":
                raise UnknownUser(query.user_id)
            # Not cached: ids without a user are endless, and the popular list behind it is kept anyway.
            return (await self._popular_answer(release, query, NO_HISTORY)).body
        return await self._answers.get(_parts(release, query, versions), lambda: self._compute(release, query))

    async def _compute(self, release: LoadedRelease, query: RecommendationQuery) -> Answer:
        history = (await self._histories.histories([query.user_id])).get(query.user_id, NO_HISTORY)
        if not release.recommender.knows_user(query.user_id):
            return await self._popular_answer(release, query, history)
        excluded = excluded_items(query, history) | await self._items.withdrawn()
        scored = await self._scoring.run(release.recommender.recommend, query.user_id, query.limit, excluded)
        scored = finite(scored)
        explanations: Mapping[str, Explanation] = {}
        if query.explain == "summary" and scored:
            explanations = await self._explanations.explain(release, query.user_id, scored, history.reasons)
        return await self._answer(release, query, "personalized", scored, explanations)

    async def _popular_answer(self, release: LoadedRelease, query: RecommendationQuery, history: History) -> Answer:
        scored = await self._popular.top(query.limit, excluded_items(query, history) | await self._items.withdrawn())
        return await self._answer(release, query, "popular", scored, {})

    async def _answer(
        self,
        release: LoadedRelease,
        query: RecommendationQuery,
        strategy: Strategy,
        scored: Sequence[ScoredItem],
        explanations: Mapping[str, Explanation],
    ) -> Answer:
        titles = await self._items.titles([item.item_id for item in scored])
        items = listed(scored, titles, explanations)
        degraded = () if self._cache.available else ("cache",)
        result = Recommendations(query.user_id, release.info.release_id, strategy, items, degraded)
        return Answer(self._render(result), complete=not degraded)


def _parts(release: LoadedRelease, query: RecommendationQuery, versions: Versions) -> dict[str, object]:
    """Describe a question in full, with what its answer rests on."""
    return {
        "kind": "recommendations",
        "tenant": current_tenant(),
        "release": release.info.release_id,
        "versions": (versions.history, versions.stamps),
        "query": [getattr(query, name) for name in _QUERY_FIELDS],
    }


def listed(
    scored: Sequence[ScoredItem], titles: Mapping[str, str | None], explanations: Mapping[str, Explanation]
) -> tuple[RecommendedItem, ...]:
    """Number the lines of a list, and put titles and reasons in."""
    return tuple(
        RecommendedItem(rank, item.item_id, titles.get(item.item_id), float(item.score), explanations.get(item.item_id))
        for rank, item in enumerate(scored, start=1)
    )


def excluded_items(query: RecommendationQuery, history: History) -> frozenset[str]:
    """Give what may not be in the list."""
    return frozenset(query.exclude).union(history.items if query.exclude_seen else ())


def finite(scored: Iterable[ScoredItem]) -> list[ScoredItem]:
    """Leave out what no JSON number can hold. The port promises as much; an answer must not depend on it."""
    finite = []
    for item in scored:
        if math.isfinite(item.score):
            finite.append(item)
        else:
            _log.error("a score is not finite; the item is left out", extra={"item_id": item.item_id})
    return finite
