"""Missing facts of the knowledge graph, ranked by the model; what is stored already is told apart."""

import logging
import math
from dataclasses import dataclass

from app.errors import UnknownEntity, UnknownRelation
from app.ports import CompletionQuery, ScoredCandidate
from app.review import Reviews
from app.services.releases import ReleaseManager
from app.services.scoring import ScoringPool
from app.stored import Facts, Labels

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible completion; `known` if the fact it makes is stored, and then without a probability."""

    rank: int
    id: str
    label: str | None
    score: float
    probability: float | None
    known: bool
    type_ok: bool


@dataclass(frozen=True, slots=True)
class Completions:
    """The candidates for one query; `known_excluded` counts the stored completions that were left out."""

    query: CompletionQuery
    release: str
    candidates: tuple[Candidate, ...]
    known_excluded: int


class CompletionService:
    """Completes facts with the active release, against everything that is stored."""

    def __init__(
        self,
        facts: Facts,
        reviews: Reviews,
        entities: Labels,
        relations: Labels,
        releases: ReleaseManager,
        scoring: ScoringPool,
    ) -> None:
        self._facts = facts
        self._reviews = reviews
        self._entities = entities
        self._relations = relations
        self._releases = releases
        self._scoring = scoring

    async def complete(self, query: CompletionQuery, limit: int, include_known: bool, type_check: bool) -> Completions:
        """Rank what may complete the query: not what a person rejected, nor the given end itself, unless it is stored.

        Known facts are left out unless they are asked for.

        Raises:
            NoActiveRelease, StorageUnavailable, Overloaded: it cannot be computed now.
            UnknownEntity, UnknownRelation: not stored.
            NotInRelease: stored, but the release has no vector for it.
        """
        release = self._releases.current()
        await self._check(query)
        known = await self._facts.completions(query)
        rejected = await self._reviews.rejected(query)
        # A fact that somebody stored, in spite of its rejection or from an entity to itself, is a fact.
        unwanted = rejected | _given_end(query)
        excluded = unwanted - known if include_known else unwanted | known
        scored = await self._scoring.run(release.completer.complete, query, limit, excluded, type_check)
        candidates = await self._label(query, finite(scored), known)
        return Completions(query, release.info.release_id, candidates, 0 if include_known else len(known))

    async def _check(self, query: CompletionQuery) -> None:
        entities = [end for end in (query.head, query.tail) if end is not None]
        stored = await self._entities.labels(entities)
        for entity_id in entities:
            if entity_id not in stored:
                raise UnknownEntity(entity_id)
        if query.relation is not None and query.relation not in await self._relations.labels([query.relation]):
            raise UnknownRelation(query.relation)

    async def _label(
        self, query: CompletionQuery, scored: list[ScoredCandidate], known: frozenset[str]
    ) -> tuple[Candidate, ...]:
        table = self._relations if query.target == "relation" else self._entities
        labels = await table.labels([candidate.id for candidate in scored])
        return tuple(
            Candidate(rank, c.id, labels.get(c.id), float(c.score), _probability(c, known), c.id in known, c.type_ok)
            for rank, c in enumerate(scored, start=1)
        )


def _given_end(query: CompletionQuery) -> frozenset[str]:
    """Nothing is its own head or tail, as far as a prediction goes."""
    given = () if query.target == "relation" else (query.head, query.tail)
    return frozenset(end for end in given if end is not None)


def _probability(candidate: ScoredCandidate, known: frozenset[str]) -> float | None:
    """A probability speaks of facts that are missing; of a stored one there is nothing left to guess."""
    return None if candidate.id in known else candidate.probability


def finite(scored: list[ScoredCandidate]) -> list[ScoredCandidate]:
    """Leave out candidates whose score is not finite, and log them."""
    for candidate in scored:
        if not math.isfinite(candidate.score):
            _log.error("a score is not finite; the candidate is left out", extra={"candidate_id": candidate.id})
    return [candidate for candidate in scored if math.isfinite(candidate.score)]
