"""Facts that are missing: where they are missed, what was predicted, and what people decided about it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from app.ports import CompletionQuery, Fact

State = Literal["open", "accepted", "rejected"]
Verdict = Literal["accept", "reject"]
GapPlace = tuple[int, str, str]
"""Where a page of gaps ended: the people of its last head, that head, and a relation."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An entity that some item is and that has no fact of a relation which others like it have.

    `n_users` counts the people who met such an item, or whose lists showed it; `share` is that of the entities of items
    which have a fact of the relation.
    """

    head: str
    relation: str
    n_users: int
    share: float


@dataclass(frozen=True, slots=True)
class GapPage:
    """Some gaps, and where to go on; None at the end. A page may have fewer than were asked for before the end."""

    gaps: tuple[Gap, ...]
    next: GapPlace | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A fact that is not stored, as a release scores it; `n_users` as in its gap."""

    fact: Fact
    score: float
    probability: float | None
    n_users: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a candidate, who, and why."""

    verdict: Verdict
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class StoredCandidate:
    """A prediction under review; `decided_by`, `reason` and `decided_at` (UTC) belong to a decision."""

    candidate_id: int
    prediction: Prediction
    release: str
    state: State
    decided_by: str | None
    reason: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Which candidates are asked for."""

    state: State = "open"
    relation: str | None = None
    least_probability: float | None = None
    head: str | None = None
    tail: str | None = None


class Gaps(Protocol):
    """The graph, looked at for what is missing."""

    async def gaps(self, relation: str | None, least_share: float, limit: int, after: GapPlace | None) -> GapPage:
        """Give the gaps that touch most people first; ties by head, then by the relation that most heads have."""
        ...

    async def heads(self, relation: str, limit: int, after: str) -> Sequence[str]:
        """Give the entities after an id that may be heads of a relation, in code point order.

        Those are its heads so far and, where the entity of any item is among them, those of all items.
        """
        ...


class Reviews(Protocol):
    """Candidates, and what was decided about them."""

    async def rejected(self, query: CompletionQuery) -> frozenset[str]:
        """Give every id that completes the query to a rejected fact."""
        ...

    async def settled(self, relation: str, heads: Collection[str]) -> Mapping[str, set[str]]:
        """Give for each head the tails of which nothing is left to predict: stored, or rejected."""
        ...

    async def propose(self, release_id: str, predictions: Sequence[Prediction]) -> int:
        """Store predictions as open candidates; returns how many are open now.

        Open ones of other releases make room. What was decided stays as it is.
        """
        ...

    async def candidates(self, wanted: CandidateFilter, limit: int, after: int) -> Sequence[StoredCandidate]:
        """Give candidates after an id, in the order of their ids; open ones whose fact is stored are left out."""
        ...

    async def decide(self, candidate_id: int, decision: Decision) -> StoredCandidate:
        """Decide about a candidate; the same decision again changes nothing. An accepted fact is stored at once.

        Raises:
            UnknownCandidate: there is none.
            AlreadyDecided: the opposite was decided before.
        """
        ...
