"""Completion of the knowledge graph: what can be asked, and how the candidates are told."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidQuery
from app.ports import CompletionQuery
from app.schemas.ids import ExternalId
from app.services.completions import Candidate, Completions

Finite = Annotated[float, Field(allow_inf_nan=False)]
_PARTS = ("head", "relation", "tail")


class CompletionParameters(BaseModel):
    """The query of a completion: exactly two of head, relation and tail."""

    model_config = ConfigDict(extra="forbid")

    head: ExternalId | None = Field(None, description="Id of the head entity.")
    relation: ExternalId | None = Field(None, description="Id of the relation.")
    tail: ExternalId | None = Field(None, description="Id of the tail entity.")
    limit: int = Field(10, ge=1, le=100, description="Candidates to return.")
    include_known: bool = Field(False, description="Keep candidates whose fact is stored already.")
    type_check: bool = Field(True, description="Only candidates seen in that role of that relation in training.")

    def query(self) -> CompletionQuery:
        """Say what is asked for.

        Raises:
            InvalidQuery: not exactly two of the three parts are given; it names those to add, or all three.
        """
        missing = tuple(part for part in _PARTS if getattr(self, part) is None)
        if len(missing) != 1:
            raise InvalidQuery(
                f"Give exactly two of head, relation and tail: {3 - len(missing)} are given.", missing or _PARTS
            )
        return CompletionQuery(self.head, self.relation, self.tail)


class CompletionQueryBody(BaseModel):
    """The question, as it was understood."""

    head: str | None = Field(None, description="The head entity that was given.", examples=["i9"])
    relation: str | None = Field(None, description="The relation that was given.", examples=["director"])
    tail: str | None = Field(None, description="The tail entity that was given.")
    target: Literal["head", "relation", "tail"] = Field(description="What was asked for.", examples=["tail"])


class CandidateBody(BaseModel):
    """One possible completion."""

    rank: int = Field(description="Position in the list, from 1.", examples=[1])
    label: str | None = Field(description="The stored label; null if there is none.", examples=["Joel Schumacher"])
    score: Finite = Field(description="Higher is better; comparable within one answer only.", examples=[-1.2])
    probability: Finite | None = Field(
        ge=0,
        le=1,
        description="How likely the fact is missing rather than false, calibrated on validation facts: of candidates "
        "with 0.8, four in five are facts, if the graph lacks facts as the held-out ones were drawn. Null where the "
        "release has no calibration, for relations, and for facts that are stored or that the release was made from.",
        examples=[0.81],
    )
    known: bool = Field(description="Whether the fact is stored already.")
    type_ok: bool = Field(description="Whether the candidate was seen in that role in training.")


class EntityCandidate(CandidateBody):
    """An entity that may be the head or the tail."""

    entity_id: str = Field(description="The entity.", examples=["e4"])


class RelationCandidate(CandidateBody):
    """A relation that may hold between head and tail."""

    relation_id: str = Field(description="The relation.", examples=["director"])


EXAMPLE = {
    "query": {"head": "e9", "relation": "director", "tail": None, "target": "tail"},
    "release": "sample-2026-01-31",
    "candidates": [
        {
            "rank": 1,
            "entity_id": "e4",
            "label": "Joel Schumacher",
            "score": -1.2,
            "probability": 0.81,
            "known": False,
            "type_ok": True,
        }
    ],
    "known_excluded": 3,
}


class CompletionList(BaseModel):
    """What may complete the fact, best first."""

    query: CompletionQueryBody = Field(description="The question.")
    release: str = Field(description="The release that answered.", examples=["sample-2026-01-31"])
    candidates: list[EntityCandidate] | list[RelationCandidate] = Field(
        description="Entities, or relations where `target` is `relation`."
    )
    known_excluded: int = Field(
        description="Stored completions that were left out, over all ranks; 0 with `include_known`.", examples=[3]
    )

    @classmethod
    def of(cls, result: Completions) -> "CompletionList":
        """Convert what the service says."""
        query = result.query
        return cls(
            query=CompletionQueryBody(head=query.head, relation=query.relation, tail=query.tail, target=query.target),
            release=result.release,
            candidates=_candidates(result),
            known_excluded=result.known_excluded,
        )


def _candidates(result: Completions) -> list[EntityCandidate] | list[RelationCandidate]:
    if result.query.target == "relation":
        return [RelationCandidate(relation_id=c.id, **_shared(c)) for c in result.candidates]
    return [EntityCandidate(entity_id=c.id, **_shared(c)) for c in result.candidates]


def _shared(c: Candidate) -> dict[str, object]:
    return {name: getattr(c, name) for name in CandidateBody.model_fields}
