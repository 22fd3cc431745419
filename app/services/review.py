"""Review of predicted facts: gaps are shown, predicted, and decided by people.

Predictions are made when somebody asks for them (`POST /kg/candidates`, `python -m app candidates`) and stored: a list
that is read stays as it is while it is reviewed, and reading costs no scoring.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import NotInRelease
from app.ports import Completer, CompletionQuery, LoadedRelease, ScoredCandidate
from app.review import CandidateFilter, Decision, Gap, GapPlace, Gaps, Prediction, Reviews, StoredCandidate
from app.services.completions import finite
from app.services.scoring import ScoringPool
from app.stored import Labels

QUERIES_AT_ONCE = 16
"""Queries that one turn on a scoring thread takes: others need not wait for all of them."""

Named = Mapping[str, str | None]


class ActiveRelease(Protocol):
    """Where the release that answers is found."""

    def current(self) -> LoadedRelease:
        """Give it, or raise NoActiveRelease."""
        ...


@dataclass(frozen=True, slots=True)
class NamedGaps:
    """A page of gaps, with the labels of what they name."""

    gaps: tuple[Gap, ...]
    next: GapPlace | None
    entities: Named
    relations: Named


@dataclass(frozen=True, slots=True)
class NamedCandidates:
    """Candidates, with the labels of what they name."""

    candidates: Sequence[StoredCandidate]
    entities: Named
    relations: Named


@dataclass(frozen=True, slots=True)
class Proposal:
    """What came of predicting: gaps that were looked at, those the release does not know, and candidates open now."""

    release: str
    gaps: int
    unknown: int
    predicted: int
    open: int


class ReviewService:
    """Shows gaps, predicts what may fill them, and takes decisions."""

    def __init__(
        self,
        gaps: Gaps,
        reviews: Reviews,
        entities: Labels,
        relations: Labels,
        releases: ActiveRelease,
        scoring: ScoringPool,
    ) -> None:
        self._gaps = gaps
        self._reviews = reviews
        self._entities = entities
        self._relations = relations
        self._releases = releases
        self._scoring = scoring

    async def gaps(self, relation: str | None, least_share: float, limit: int, after: GapPlace | None) -> NamedGaps:
        """Give a page of gaps.

        Raises:
            StorageUnavailable: it cannot be read now.
            UnknownRelation: not stored.
        """
        page = await self._gaps.gaps(relation, least_share, limit, after)
        entities = await self._entities.labels({gap.head for gap in page.gaps})
        return NamedGaps(
            page.gaps, page.next, entities, await self._relations.labels({gap.relation for gap in page.gaps})
        )

    async def predict(self, n_gaps: int, per_gap: int, least_share: float) -> Proposal:
        """Predict what fills the gaps that touch most people, and store it as candidates of the active release.

        Raises:
            NoActiveRelease, StorageUnavailable, Overloaded: it cannot be done now; nothing has been stored.
        """
        release = self._releases.current()
        gaps = await self._most_touching(n_gaps, least_share)
        found, unknown = list[Prediction](), 0
        for start in range(0, len(gaps), QUERIES_AT_ONCE):
            part = gaps[start : start + QUERIES_AT_ONCE]
            queries = [(gap.head, gap.relation, await self._settled(gap)) for gap in part]
            answers = await self._scoring.run(complete_tails, release.completer, queries, per_gap)
            unknown += sum(answer is None for answer in answers)
            for gap, answer in zip(part, answers, strict=True):
                found += [_prediction(gap, candidate) for candidate in answer or ()]
        stored = await self._stored(found)
        n_open = await self._reviews.propose(release.info.release_id, stored)
        return Proposal(release.info.release_id, len(gaps), unknown, len(stored), n_open)

    async def candidates(self, wanted: CandidateFilter, limit: int, after: int) -> NamedCandidates:
        """Give candidates after an id.

        Raises:
            StorageUnavailable: it cannot be read now.
            UnknownRelation: not stored.
        """
        return await self._named(await self._reviews.candidates(wanted, limit, after))

    async def decide(self, candidate_id: int, decision: Decision) -> NamedCandidates:
        """Decide about a candidate, for ever; gives it as it is now.

        Raises:
            StorageUnavailable: nothing was decided.
            UnknownCandidate, AlreadyDecided: there is none, or the opposite was decided.
        """
        return await self._named([await self._reviews.decide(candidate_id, decision)])

    async def _most_touching(self, n: int, least_share: float) -> list[Gap]:
        gaps, after = list[Gap](), None
        while len(gaps) < n:
            page = await self._gaps.gaps(None, least_share, n - len(gaps), after)
            gaps += page.gaps
            after = page.next
            if after is None:
                break
        return gaps

    async def _settled(self, gap: Gap) -> set[str]:
        return (await self._reviews.settled(gap.relation, [gap.head])).get(gap.head, set())

    async def _stored(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Leave out what names an entity that only the release knows."""
        there = await self._entities.labels({prediction.fact[2] for prediction in predictions})
        return [prediction for prediction in predictions if prediction.fact[2] in there]

    async def _named(self, candidates: Sequence[StoredCandidate]) -> NamedCandidates:
        facts = [candidate.prediction.fact for candidate in candidates]
        ends = {end for head, _, tail in facts for end in (head, tail)}
        relations = {relation for _, relation, _ in facts}
        return NamedCandidates(candidates, await self._entities.labels(ends), await self._relations.labels(relations))


def complete_tails(
    completer: Completer, queries: Iterable[tuple[str, str, Collection[str]]], limit: int
) -> list[list[ScoredCandidate] | None]:
    """Complete (head, relation, tails to leave out) queries; None where the release knows not head or relation.

    Nothing is its own tail.
    """
    answers = list[list[ScoredCandidate] | None]()
    for head, relation, settled in queries:
        query = CompletionQuery(head, relation, None)
        try:
            answers.append(finite(completer.complete(query, limit, {head, *settled}, True)))
        except NotInRelease:
            answers.append(None)
    return answers


def _prediction(gap: Gap, candidate: ScoredCandidate) -> Prediction:
    fact = (gap.head, gap.relation, candidate.id)
    return Prediction(fact, float(candidate.score), candidate.probability, gap.n_users)
