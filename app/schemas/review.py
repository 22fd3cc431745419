"""Gaps, candidates and decisions, as they are asked for and sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, Field

from app.errors import UnknownCandidate
from app.review import CandidateFilter, Decision, GapPlace, StoredCandidate
from app.schemas import cursors
from app.schemas.catalogue import Text
from app.schemas.events import PageParameters
from app.schemas.ids import ExternalId
from app.schemas.strict import WHOLE, StrictBody
from app.services.review import Named, NamedCandidates, NamedGaps, Proposal

Finite = Annotated[float, Field(allow_inf_nan=False)]
State = Literal["open", "accepted", "rejected"]
_LONGEST_NUMBER = 18

CandidateId = Annotated[str, Path(description="The candidate's id, as `GET /kg/candidates` lists it.", examples=["17"])]

_EXPECTED = "Only relations that at least this share of the entities of items have: what few have is missing nowhere."


def candidate_number(candidate_id: str) -> int:
    """Read the id of a candidate.

    Raises:
        UnknownCandidate: no candidate can have it.
    """
    if not (candidate_id.isascii() and candidate_id.isdecimal() and len(candidate_id) <= _LONGEST_NUMBER):
        raise UnknownCandidate(candidate_id)
    return int(candidate_id)


class GapParameters(PageParameters):
    """A page of the gaps."""

    relation: ExternalId | None = Field(None, description="Only gaps of this relation.")
    least_share: Finite = Field(0.5, ge=0, le=1, description=_EXPECTED)

    def after(self) -> GapPlace | None:
        """Give the place before the first gap.

        Raises:
            InvalidQuery: the cursor is none of the gaps.
        """
        if self.cursor is None:
            return None
        users, head, relation = cursors.decode(self.cursor, (int, str, str))
        return int(users or 0), str(head), str(relation)


class GapBody(BaseModel):
    """An entity that has no fact of a relation which others like it have."""

    head: str = Field(description="The entity.", examples=["e9"])
    head_label: str | None = Field(description="Its label; null if none is stored.", examples=["Falling Down"])
    relation: str = Field(description="The relation.", examples=["director"])
    relation_label: str | None = Field(description="Its label; null if none is stored.", examples=["director"])
    users: int = Field(
        description="People who met an item that the entity is, or to whom a list showed one.", examples=[42]
    )
    share: Finite = Field(
        ge=0, le=1, description="Share of the entities of items that have a fact of the relation.", examples=[0.93]
    )


GAPS_EXAMPLE = {
    "gaps": [
        {
            "head": "e9",
            "head_label": "Falling Down",
            "relation": "director",
            "relation_label": None,
            "users": 42,
            "share": 0.93,
        }
    ],
    "next_cursor": None,
}


class GapList(BaseModel):
    """Gaps, those that touch most people first; the counts of people are at most a minute old."""

    gaps: list[GapBody] = Field(description="The gaps of this page; before the last page there may be fewer.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, page: NamedGaps) -> "GapList":
        """Convert what the service says."""
        bodies = [
            GapBody(
                head=gap.head,
                head_label=page.entities.get(gap.head),
                relation=gap.relation,
                relation_label=page.relations.get(gap.relation),
                users=gap.n_users,
                share=gap.share,
            )
            for gap in page.gaps
        ]
        return cls(gaps=bodies, next_cursor=cursors.encode(*page.next) if page.next else None)


class PredictionRequest(StrictBody):
    """How much is predicted."""

    gaps: Annotated[int, WHOLE] = Field(
        50, ge=1, le=200, description="Gaps to predict for, those that touch most people first."
    )
    per_gap: Annotated[int, WHOLE] = Field(3, ge=1, le=10, description="Candidates for each gap, the best ones.")
    least_share: Finite = Field(0.5, ge=0, le=1, description=_EXPECTED)


class PredictionOutcome(BaseModel):
    """What came of predicting."""

    release: str = Field(description="The release that predicted.", examples=["sample-2026-01-31"])
    gaps: int = Field(description="Gaps that were looked at.", examples=[50])
    not_in_release: int = Field(description="Gaps among them of which the release does not know a part.", examples=[2])
    predicted: int = Field(description="Facts that were predicted for them.", examples=[144])
    open: int = Field(description="Candidates that are open now.", examples=[144])

    @classmethod
    def of(cls, made: Proposal) -> "PredictionOutcome":
        """Convert what the service says."""
        return cls(
            release=made.release, gaps=made.gaps, not_in_release=made.unknown, predicted=made.predicted, open=made.open
        )


class CandidateParameters(PageParameters):
    """A page of the candidates."""

    state: State = Field("open", description="`open` ones wait for a decision; the others are decided.")
    relation: ExternalId | None = Field(None, description="Only candidates of this relation.")
    head: ExternalId | None = Field(None, description="Only candidates with this head entity.")
    tail: ExternalId | None = Field(None, description="Only candidates with this tail entity.")
    least_probability: Finite | None = Field(
        None, ge=0, le=1, description="Only candidates that are at least as probable; none has a probability where the "
        "release has no calibration.",
    )  # fmt: skip

    def wanted(self) -> CandidateFilter:
        """Say which candidates are asked for."""
        return CandidateFilter(self.state, self.relation, self.least_probability, self.head, self.tail)

    def after(self) -> int:
        """Give the number of the candidate before the first.

        Raises:
            InvalidQuery: the cursor is none of the candidates.
        """
        return 0 if self.cursor is None else int(cursors.decode(self.cursor, (int,))[0] or 0)


class CandidateFact(BaseModel):
    """A predicted fact under review."""

    candidate_id: str = Field(description="Names it in a decision.", examples=["17"])
    head: str = Field(description="The head entity.", examples=["e9"])
    head_label: str | None = Field(description="Its label; null if none is stored.", examples=["Falling Down"])
    relation: str = Field(description="The relation.", examples=["director"])
    relation_label: str | None = Field(description="Its label; null if none is stored.", examples=["director"])
    tail: str = Field(description="The tail entity.", examples=["e4"])
    tail_label: str | None = Field(description="Its label; null if none is stored.", examples=["Joel Schumacher"])
    release: str = Field(description="The release that predicted it.", examples=["sample-2026-01-31"])
    score: Finite = Field(description="As in a completion: comparable within one gap only.", examples=[-1.2])
    probability: Finite | None = Field(
        ge=0, le=1, description="As in a completion; null where the release has no calibration.", examples=[0.81]
    )
    users: int = Field(description="People whom the gap touched when it was predicted.", examples=[42])
    state: State = Field(description="`open`, or what was decided.")
    decided_by: str | None = Field(description="Who decided; null if nobody did.")
    reason: str | None = Field(description="Why, if that was told.")
    decided_at: datetime | None = Field(description="When (UTC); null if nobody did.")

    @classmethod
    def of(cls, candidate: StoredCandidate, entities: Named, relations: Named) -> "CandidateFact":
        """Convert what is stored."""
        head, relation, tail = candidate.prediction.fact
        return cls(
            candidate_id=str(candidate.candidate_id),
            head=head,
            head_label=entities.get(head),
            relation=relation,
            relation_label=relations.get(relation),
            tail=tail,
            tail_label=entities.get(tail),
            release=candidate.release,
            score=candidate.prediction.score,
            probability=candidate.prediction.probability,
            users=candidate.prediction.n_users,
            state=candidate.state,
            decided_by=candidate.decided_by,
            reason=candidate.reason,
            decided_at=candidate.decided_at,
        )

    @classmethod
    def only(cls, named: NamedCandidates) -> "CandidateFact":
        """Convert what a decision gave."""
        return cls.of(named.candidates[0], named.entities, named.relations)


CANDIDATES_EXAMPLE = {
    "candidates": [
        {
            "candidate_id": "17",
            "head": "e9",
            "head_label": "Falling Down",
            "relation": "director",
            "relation_label": None,
            "tail": "e4",
            "tail_label": "Joel Schumacher",
            "release": "sample-2026-01-31",
            "score": -1.2,
            "probability": 0.81,
            "users": 42,
            "state": "open",
            "decided_by": None,
            "reason": None,
            "decided_at": None,
        }
    ],
    "next_cursor": None,
}


class CandidateFactList(BaseModel):
    """Candidates in the order in which they were predicted: of the gaps that touch most people first."""

    candidates: list[CandidateFact] = Field(description="The candidates of this page.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, named: NamedCandidates, limit: int) -> "CandidateFactList":
        """Convert what is stored; one candidate more than `limit` was looked for."""
        page: Sequence[StoredCandidate] = named.candidates[:limit]
        cursor = cursors.encode(page[-1].candidate_id) if len(named.candidates) > limit else None
        return cls(
            candidates=[CandidateFact.of(each, named.entities, named.relations) for each in page], next_cursor=cursor
        )


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a name")
    return text


class DecisionBody(StrictBody):
    """A decision about a candidate."""

    decision: Literal["accept", "reject"] = Field(
        description="`accept`: the fact is stored at once, with the origin `accepted`. `reject`: it is not predicted "
        "again, and the next training takes it for false."
    )
    by: Annotated[Text, AfterValidator(_not_blank)] = Field(
        min_length=1, max_length=200, description="Who decides.", examples=["anna"]
    )
    reason: Text | None = Field(None, max_length=2_000, description="Why.", examples=["It is in the credits."])

    def verdict(self) -> Decision:
        """Say it without HTTP."""
        return Decision(self.decision, self.by, self.reason)
