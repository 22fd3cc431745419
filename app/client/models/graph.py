"""Answers about the knowledge graph."""

from datetime import datetime

from pydantic import BaseModel


class CompletionQuery(BaseModel):
    """The question, as it was understood."""

    head: str | None = None
    relation: str | None = None
    tail: str | None = None
    target: str


class EntityCandidate(BaseModel):
    """An entity that may be the head or the tail."""

    rank: int
    label: str | None
    score: float
    probability: float | None
    known: bool
    type_ok: bool
    entity_id: str


class RelationCandidate(BaseModel):
    """A relation that may hold between head and tail."""

    rank: int
    label: str | None
    score: float
    probability: float | None
    known: bool
    type_ok: bool
    relation_id: str


class CompletionList(BaseModel):
    """What may complete the fact, best first."""

    query: CompletionQuery
    release: str
    candidates: list[EntityCandidate] | list[RelationCandidate]
    known_excluded: int


class FoundEntity(BaseModel):
    """An entity that a search found."""

    entity_id: str
    label: str | None
    match: str


class FoundEntities(BaseModel):
    """The entities that a search found: exact matches first, then `prefix`, `word` and `fuzzy`."""

    entities: list[FoundEntity]


class Entity(BaseModel):
    """An entity of the knowledge graph."""

    entity_id: str
    label: str | None
    item_ids: list[str]
    n_facts: int


class Relation(BaseModel):
    """A relation of the knowledge graph."""

    relation_id: str
    label: str | None


class RelationList(BaseModel):
    """The relations in the order of their ids, by code point."""

    relations: list[Relation]
    next_cursor: str | None


class Fact(BaseModel):
    """A stored fact."""

    head: str
    relation: str
    tail: str
    origin: str
    head_label: str | None
    relation_label: str | None
    tail_label: str | None


class FactList(BaseModel):
    """Stored facts, in the order in which they were stored."""

    facts: list[Fact]
    next_cursor: str | None


class RejectedFact(BaseModel):
    """A fact that was not stored."""

    index: int
    field: str
    code: str


class AddedFacts(BaseModel):
    """What became of the facts."""

    added: int
    duplicates: list[int]
    rejected: list[RejectedFact]


class RemovedFact(BaseModel):
    """A fact that was removed."""

    head: str
    relation: str
    tail: str
    removed: bool = True


class Gap(BaseModel):
    """An entity that has no fact of a relation which others like it have."""

    head: str
    head_label: str | None
    relation: str
    relation_label: str | None
    users: int
    share: float


class GapList(BaseModel):
    """Gaps, those that touch most people first; the counts of people are at most a minute old."""

    gaps: list[Gap]
    next_cursor: str | None


class CandidateFact(BaseModel):
    """A predicted fact under review."""

    candidate_id: str
    head: str
    head_label: str | None
    relation: str
    relation_label: str | None
    tail: str
    tail_label: str | None
    release: str
    score: float
    probability: float | None
    users: int
    state: str
    decided_by: str | None
    reason: str | None
    decided_at: datetime | None


class CandidateFactList(BaseModel):
    """Candidates in the order in which they were predicted: of the gaps that touch most people first."""

    candidates: list[CandidateFact]
    next_cursor: str | None


class PredictionOutcome(BaseModel):
    """What came of predicting."""

    release: str
    gaps: int
    not_in_release: int
    predicted: int
    open: int
