"""All predicted facts above a bound, in pieces: nothing of the whole is ever held."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from app.errors import InvalidQuery, NotInRelease, Overloaded, UnknownRelation
from app.knowledge import Knowledge
from app.ports import Fact, LoadedRelease, ScoredCandidate
from app.review import Gaps, Reviews
from app.services.review import QUERIES_AT_ONCE, ActiveRelease, complete_tails
from app.services.scoring import ScoringPool
from app.stored import Labels

_HEADS = 200
_RELATIONS = 1_000
_BUSY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which predicted facts are asked for: of one relation or of all, at most `per_query` tails of a head."""

    relation: str | None
    least_score: float | None
    least_probability: float | None
    per_query: int

    def keeps(self, candidate: ScoredCandidate) -> bool:
        """Whether a candidate lies above the bounds; without a probability it is not above any."""
        if self.least_score is not None and candidate.score < self.least_score:
            return False
        if self.least_probability is None:
            return True
        return candidate.probability is not None and candidate.probability >= self.least_probability


@dataclass(frozen=True, slots=True)
class PredictedFact:
    """A fact that is neither stored nor rejected, as the release scores it."""

    fact: Fact
    score: float
    probability: float | None


class PredictionService:
    """Goes through the heads of relations and predicts their tails."""

    def __init__(
        self,
        gaps: Gaps,
        reviews: Reviews,
        knowledge: Knowledge,
        relations: Labels,
        releases: ActiveRelease,
        scoring: ScoringPool,
    ) -> None:
        self._gaps = gaps
        self._reviews = reviews
        self._knowledge = knowledge
        self._relations = relations
        self._releases = releases
        self._scoring = scoring

    async def predictions(self, wanted: Wanted) -> AsyncIterator[Sequence[PredictedFact]]:
        """Give predicted facts in pieces, relation by relation, head by head, the best tail first.

        The release is the one that is active now, to the end.

        Raises:
            NoActiveRelease, StorageUnavailable: it cannot be done now.
            UnknownRelation, NotInRelease: the relation is not stored, or the release has no vector for it.
            InvalidQuery: a probability is asked for, and the release has none.
        """
        release = self._releases.current()
        if wanted.least_probability is not None and not release.completer.calibrated:
            reason = "The active release has no probabilities: it is not calibrated. Give `least_score` instead."
            raise InvalidQuery(reason, ("least_probability",))
        await self._check(wanted, release)
        return self._pieces(wanted, release)

    async def _check(self, wanted: Wanted, release: LoadedRelease) -> None:
        """Look at the relation, or at least at the database, while an answer can still be an error."""
        relation = wanted.relation
        found = await self._relations.labels([] if relation is None else [relation])
        if relation is None:
            await self._knowledge.relations(1, "")
            return
        if relation not in found:
            raise UnknownRelation(relation)
        if not release.completer.knows_relation(relation):
            raise NotInRelease("relation", relation)

    async def _pieces(self, wanted: Wanted, release: LoadedRelease) -> AsyncIterator[Sequence[PredictedFact]]:
        async for relation in self._each_relation(wanted, release):
            last = ""
            while heads := await self._gaps.heads(relation, _HEADS, last):
                settled = await self._reviews.settled(relation, heads)
                for start in range(0, len(heads), QUERIES_AT_ONCE):
                    part = heads[start : start + QUERIES_AT_ONCE]
                    queries = [(head, relation, settled.get(head, ())) for head in part]
                    yield await self._predict(wanted, release, queries)
                last = heads[-1]

    async def _each_relation(self, wanted: Wanted, release: LoadedRelease) -> AsyncIterator[str]:
        if wanted.relation is not None:
            yield wanted.relation
            return
        last = ""
        while page := await self._knowledge.relations(_RELATIONS, last):
            for relation, _ in page:
                if release.completer.knows_relation(relation):
                    yield relation
            last = page[-1][0]

    async def _predict(
        self, wanted: Wanted, release: LoadedRelease, queries: Sequence[tuple[str, str, Collection[str]]]
    ) -> list[PredictedFact]:
        while True:
            try:
                answers = await self._scoring.run(complete_tails, release.completer, queries, wanted.per_query)
                break
            except Overloaded:
                # Nobody waits for this as for a page: those who do go first.
                await asyncio.sleep(_BUSY_SECONDS)
        return [
            PredictedFact((head, relation, candidate.id), float(candidate.score), candidate.probability)
            for (head, relation, _), answer in zip(queries, answers, strict=True)
            for candidate in answer or ()
            if wanted.keeps(candidate)
        ]
