"""What to recommend to one user: personal where the release knows them, popular where it does not."""

import logging
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from app.errors import UnknownUser
from app.ports import Cache, LoadedRelease, ScoredItem
from app.services.answers import Answer, Answers
from app.services.explanations import Explanation, ExplanationService
from app.services.popularity import PopularItems
from app.services.releases import ReleaseManager
from app.services.scoring import ScoringPool
from app.stored import Items, Users
from app.tenancy import current_tenant

_log = logging.getLogger(__name__)

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
        users: Users,
        items: Items,
        releases: ReleaseManager,
        popular: PopularItems,
        explanations: ExplanationService,
        scoring: ScoringPool,
        cache: Cache,
        answers: Answers,
        render: Callable[[Recommendations], bytes],
    ) -> None:
        self._users = users
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
        version = await self._users.history_version(query.user_id)
        if version is None:
            if query.fallback != "popular":
                raise UnknownUser(query.user_id)
            # Not cached: ids without a user are endless, and the popular list behind it is kept anyway.
            return (await self._popular_answer(release, query, ())).body
        parts = {
            "kind": "recommendations",
            "tenant": current_tenant(),
            "release": release.info.release_id,
            "history_version": version,
            "query": asdict(query),
        }
        return await self._answers.get(parts, lambda: self._compute(release, query))

    async def _compute(self, release: LoadedRelease, query: RecommendationQuery) -> Answer:
        history = await self._users.history(query.user_id)
        if not release.recommender.knows_user(query.user_id):
            return await self._popular_answer(release, query, history)
        excluded = _excluded(query, history) | await self._items.withdrawn()
        scored = await self._scoring.run(release.recommender.recommend, query.user_id, query.limit, excluded)
        scored = _finite(scored)
        explanations: Mapping[str, Explanation] = {}
        if query.explain == "summary" and scored:
            disliked = await self._users.disliked(query.user_id)
            reasons = [item_id for item_id in history if item_id not in disliked]
            explanations = await self._explanations.explain(release, query.user_id, scored, reasons)
        return await self._answer(release, query, "personalized", scored, explanations)

    async def _popular_answer(
        self, release: LoadedRelease, query: RecommendationQuery, history: Sequence[str]
    ) -> Answer:
        scored = await self._popular.top(query.limit, _excluded(query, history) | await self._items.withdrawn())
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
        items = tuple(
            RecommendedItem(
                rank, item.item_id, titles.get(item.item_id), float(item.score), explanations.get(item.item_id)
            )
            for rank, item in enumerate(scored, start=1)
        )
        degraded = () if self._cache.available else ("cache",)
        result = Recommendations(query.user_id, release.info.release_id, strategy, items, degraded)
        return Answer(self._render(result), complete=not degraded)


def _excluded(query: RecommendationQuery, history: Iterable[str]) -> frozenset[str]:
    return frozenset(query.exclude).union(history if query.exclude_seen else ())


def _finite(scored: Iterable[ScoredItem]) -> list[ScoredItem]:
    """Leave out what no JSON number can hold. The port promises as much; an answer must not depend on it."""
    finite = []
    for item in scored:
        if math.isfinite(item.score):
            finite.append(item)
        else:
            _log.error("a score is not finite; the item is left out", extra={"item_id": item.item_id})
    return finite
