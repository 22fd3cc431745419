"""Ranks items for people, whatever is known of them: many users by one product, others one by one, or by popularity."""

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.ports import LoadedRelease, ScoredItem
from app.services.people import Case
from app.services.popularity import PopularItems
from app.services.scoring import ScoringPool

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many items, how diverse, and among which (None: all)."""

    n: int
    diversity: float = 0.0
    among: frozenset[str] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is what a release's own search gives."""
        return self.diversity == 0.0 and self.among is None


class Ranker:
    """Gives the best items of each case."""

    def __init__(self, popular: PopularItems, scoring: ScoringPool) -> None:
        self._popular = popular
        self._scoring = scoring

    async def rank(
        self, release: LoadedRelease, cases: Sequence[Case], excluded: Sequence[Collection[str]], wanted: Wanted
    ) -> list[list[ScoredItem]]:
        """Rank for each case; `excluded` has one collection for each."""
        found: dict[int, list[ScoredItem]] = {}
        plain = [k for k, case in enumerate(cases) if case.is_plain and wanted.is_plain]
        if plain:
            users, unwanted = [cases[k].person.user_id or "" for k in plain], [excluded[k] for k in plain]
            ranked = await self._scoring.run(release.recommender.recommend_many, users, wanted.n, unwanted)
            found.update(zip(plain, ranked, strict=True))
        known = [k for k, case in enumerate(cases) if case.strategy != "popular" and k not in found]
        if known:
            each = [(cases[k], excluded[k]) for k in known]
            found.update(zip(known, await self._scoring.run_by_turns(_rank_people(release, each, wanted)), strict=True))
        for k, unwanted_here in enumerate(excluded):
            if k not in found:
                found[k] = await self._popular.top(wanted.n, unwanted_here, wanted.among)
        return [_finite(found[k]) for k in range(len(cases))]


def _rank_people(
    release: LoadedRelease, each: Sequence[tuple[Case, Collection[str]]], wanted: Wanted
) -> Iterator[list[ScoredItem]]:
    people = release.people
    for case, excluded in each:
        yield people.recommend(case.person, wanted.n, excluded, wanted.diversity, wanted.among)


def _finite(scored: Iterable[ScoredItem]) -> list[ScoredItem]:
    """Leave out what no JSON number can hold. The port promises as much; an answer must not depend on it."""
    finite = []
    for item in scored:
        if math.isfinite(item.score):
            finite.append(item)
        else:
            _log.error("a score is not finite; the item is left out", extra={"item_id": item.item_id})
    return finite
