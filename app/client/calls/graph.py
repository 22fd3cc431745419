"""The knowledge graph: completed, looked up, changed and reviewed."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from app.client.call import Call, answer, given, text
from app.client.models.graph import (
    AddedFacts,
    CandidateFact,
    CandidateFactList,
    CompletionList,
    Entity,
    FactList,
    FoundEntities,
    GapList,
    PredictionOutcome,
    RelationList,
    RemovedFact,
)


class NewFact(NamedTuple):
    """A fact to store."""

    head: str
    relation: str
    tail: str


def complete(
    *,
    head: str | None = None,
    relation: str | None = None,
    tail: str | None = None,
    limit: int | None = None,
    include_known: bool | None = None,
    type_check: bool | None = None,
) -> Call[CompletionList]:
    """Rank what may complete a fact of which exactly two parts are given."""
    params = {
        "head": head,
        "relation": relation,
        "tail": tail,
        "limit": limit,
        "include_known": include_known,
        "type_check": type_check,
    }
    return Call("GET", "/kg/complete", answer(CompletionList), params=params)


def search_entities(query: str, *, limit: int | None = None) -> Call[FoundEntities]:
    """Find entities by what they are called; typing errors are forgiven."""
    return Call("GET", "/kg/entities", answer(FoundEntities), params={"query": query, "limit": limit})


def entity(entity_id: str) -> Call[Entity]:
    """Give an entity."""
    return Call("GET", "/kg/entities/{entity_id}", answer(Entity), {"entity_id": entity_id})


def relations(*, limit: int | None = None, cursor: str | None = None) -> Call[RelationList]:
    """Give a page of the relations."""
    return Call("GET", "/kg/relations", answer(RelationList), params={"limit": limit, "cursor": cursor})


def facts(
    *,
    head: str | None = None,
    relation: str | None = None,
    tail: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[FactList]:
    """Give a page of the stored facts that have the given parts."""
    params = {"head": head, "relation": relation, "tail": tail, "limit": limit, "cursor": cursor}
    return Call("GET", "/kg/facts", answer(FactList), params=params)


def add_facts(facts: Sequence[NewFact], *, create_entities: bool | None = None) -> Call[AddedFacts]:
    """Store up to 1,000 facts; each that cannot be stored is told by its place."""
    body = [NewFact(*fact)._asdict() for fact in facts]
    return Call("POST", "/kg/facts", answer(AddedFacts), params={"create_entities": create_entities}, body=body)


def remove_fact(head: str, relation: str, tail: str) -> Call[RemovedFact]:
    """Remove a fact."""
    params = {"head": head, "relation": relation, "tail": tail}
    return Call("DELETE", "/kg/facts", answer(RemovedFact), params=params)


def gaps(
    *,
    relation: str | None = None,
    least_share: float | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[GapList]:
    """Give a page of what is missing, by how many people it touches."""
    params = {"relation": relation, "least_share": least_share, "limit": limit, "cursor": cursor}
    return Call("GET", "/kg/gaps", answer(GapList), params=params)


def candidates(
    *,
    state: Literal["open", "accepted", "rejected"] | None = None,
    relation: str | None = None,
    head: str | None = None,
    tail: str | None = None,
    least_probability: float | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[CandidateFactList]:
    """Give a page of the predicted facts that wait for a decision, or were decided."""
    params = {
        "state": state,
        "relation": relation,
        "head": head,
        "tail": tail,
        "least_probability": least_probability,
        "limit": limit,
        "cursor": cursor,
    }
    return Call("GET", "/kg/candidates", answer(CandidateFactList), params=params)


def predict_candidates(
    *, gaps: int | None = None, per_gap: int | None = None, least_share: float | None = None
) -> Call[PredictionOutcome]:
    """Predict what may fill the gaps that touch most people."""
    body = given({"gaps": gaps, "per_gap": per_gap, "least_share": least_share})
    return Call("POST", "/kg/candidates", answer(PredictionOutcome), body=body)


def decide(
    candidate_id: str, decision: Literal["accept", "reject"], by: str, *, reason: str | None = None
) -> Call[CandidateFact]:
    """Accept or reject a predicted fact, once; the same decision again changes nothing."""
    body = given({"decision": decision, "by": by, "reason": reason})
    path = "/kg/candidates/{candidate_id}/decision"
    return Call("POST", path, answer(CandidateFact), {"candidate_id": candidate_id}, body=body)


def export_predictions(
    *,
    format: Literal["tsv", "ntriples"] | None = None,
    relation: str | None = None,
    least_score: float | None = None,
    least_probability: float | None = None,
    per_query: int | None = None,
) -> Call[str]:
    """Write out the predicted facts above a score or a probability, line by line."""
    params = {
        "format": format,
        "relation": relation,
        "least_score": least_score,
        "least_probability": least_probability,
        "per_query": per_query,
    }
    return Call("GET", "/kg/predictions/export", text, params=params)
