"""Entities, relations and facts, as they are stored and sent."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.knowledge import AddedFacts, FactPattern, Labelled, StoredEntity, StoredFact
from app.ports import Fact
from app.schemas import cursors
from app.schemas.catalogue import Text
from app.schemas.events import PageParameters
from app.schemas.ids import ExternalId
from app.services.label_index import Found

MAX_FACTS = 1_000
FACTS_EXAMPLE = [{"head": "e9", "relation": "director", "tail": "e4"}]


class EntityBody(BaseModel):
    """An entity of the knowledge graph."""

    entity_id: str = Field(description="The entity.", examples=["e4"])
    label: str | None = Field(description="Its label; null if none is stored.", examples=["Joel Schumacher"])
    item_ids: list[str] = Field(description="Items of the catalogue that it is, at most 100.", examples=[["i9"]])
    n_facts: int = Field(description="Facts that name it, at either end.", examples=[7])

    @classmethod
    def of(cls, entity: StoredEntity) -> "EntityBody":
        """Convert what is stored."""
        items = list(entity.item_ids)
        return cls(entity_id=entity.entity_id, label=entity.label, item_ids=items, n_facts=entity.n_facts)


class EntitySearchParameters(BaseModel):
    """A search by label."""

    model_config = ConfigDict(extra="forbid")

    query: Text = Field(
        min_length=1,
        max_length=200,
        description="What the entity is called, its beginning, or some of its words; accents and capitals do not "
        "matter, and typing errors are forgiven.",
        examples=["schumacher"],
    )
    limit: int = Field(10, ge=1, le=100, description="Entities to return.")


class FoundEntity(BaseModel):
    """An entity that a search found."""

    entity_id: str = Field(description="The entity.", examples=["e4"])
    label: str | None = Field(
        description="Its label; null if none is stored, and it was found by the readable part of its id.",
        examples=["Joel Schumacher"],
    )
    match: Literal["exact", "prefix", "word", "fuzzy"] = Field(
        description="The label is the query, begins with it, has words that begin so, or words that are spelt nearly "
        "so: at least three quarters of the letters are the same."
    )


class FoundEntities(BaseModel):
    """The entities that a search found: exact matches first, then `prefix`, `word` and `fuzzy`."""

    entities: list[FoundEntity] = Field(description="The entities; empty if none is called so.")

    @classmethod
    def of(cls, found: Sequence[Found]) -> "FoundEntities":
        """Convert what the service says."""
        return cls(entities=[FoundEntity(entity_id=f.entity_id, label=f.label, match=f.match) for f in found])


class RelationParameters(PageParameters):
    """A page of the relations."""

    def after(self) -> str:
        """Give the id of the relation before the first; empty for the first page.

        Raises:
            InvalidQuery: the cursor is none of the relations.
        """
        return "" if self.cursor is None else str(cursors.decode(self.cursor, (str,))[0])


class RelationBody(BaseModel):
    """A relation of the knowledge graph."""

    relation_id: str = Field(description="The relation.", examples=["director"])
    label: str | None = Field(description="Its label; null if none is stored.", examples=["director"])


class RelationList(BaseModel):
    """The relations in the order of their ids, by code point."""

    relations: list[RelationBody] = Field(description="The relations of this page.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, relations: Sequence[Labelled], limit: int) -> "RelationList":
        """Convert what is stored; one relation more than `limit` was looked for."""
        page = [RelationBody(relation_id=relation_id, label=label) for relation_id, label in relations[:limit]]
        cursor = cursors.encode(page[-1].relation_id) if len(relations) > limit else None
        return cls(relations=page, next_cursor=cursor)


class FactParameters(PageParameters):
    """A page of the facts that have the given parts."""

    head: ExternalId | None = Field(None, description="Only facts with this head entity.")
    relation: ExternalId | None = Field(None, description="Only facts of this relation.")
    tail: ExternalId | None = Field(None, description="Only facts with this tail entity.")

    def pattern(self) -> FactPattern:
        """Say which facts are asked for."""
        return FactPattern(self.head, self.relation, self.tail)

    def after(self) -> int:
        """Give the row of the fact before the first.

        Raises:
            InvalidQuery: the cursor is none of the facts.
        """
        return 0 if self.cursor is None else int(cursors.decode(self.cursor, (int,))[0] or 0)


class FactBody(BaseModel):
    """A stored fact."""

    head: str = Field(description="The head entity.", examples=["e9"])
    relation: str = Field(description="The relation.", examples=["director"])
    tail: str = Field(description="The tail entity.", examples=["e4"])
    origin: Literal["stored", "accepted"] = Field(
        description="`accepted` if it was predicted and then accepted by a person."
    )
    head_label: str | None = Field(description="Its label; null if none is stored.", examples=["Falling Down"])
    relation_label: str | None = Field(description="Its label; null if none is stored.", examples=["director"])
    tail_label: str | None = Field(description="Its label; null if none is stored.", examples=["Joel Schumacher"])

    @classmethod
    def of(cls, stored: StoredFact) -> "FactBody":
        """Convert what is stored."""
        parts = dict(zip(("head", "relation", "tail"), stored.fact, strict=True))
        labels = dict(zip(("head_label", "relation_label", "tail_label"), stored.labels, strict=True))
        return cls.model_validate({**parts, **labels, "origin": stored.origin})


class FactList(BaseModel):
    """Stored facts, in the order in which they were stored."""

    facts: list[FactBody] = Field(description="The facts of this page.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, facts: Sequence[StoredFact], limit: int) -> "FactList":
        """Convert what is stored; one fact more than `limit` was looked for."""
        page = facts[:limit]
        cursor = cursors.encode(page[-1].row) if len(facts) > limit else None
        return cls(facts=[FactBody.of(fact) for fact in page], next_cursor=cursor)


class FactChange(BaseModel):
    """A fact."""

    model_config = ConfigDict(extra="forbid")

    head: ExternalId = Field(description="The head entity.", examples=["e9"])
    relation: ExternalId = Field(description="The relation.", examples=["director"])
    tail: ExternalId = Field(description="The tail entity.", examples=["e4"])

    def fact(self) -> Fact:
        """Say it without HTTP."""
        return (self.head, self.relation, self.tail)


class NewFactParameters(BaseModel):
    """How facts are stored."""

    model_config = ConfigDict(extra="forbid")

    create_entities: bool = Field(False, description="Store heads and tails that are not known, instead of rejecting.")


NewFacts = Annotated[
    list[FactChange],
    Field(min_length=1, max_length=MAX_FACTS, description=f"1 to {MAX_FACTS} facts.", examples=[FACTS_EXAMPLE]),
]


class RejectedFactBody(BaseModel):
    """A fact that was not stored."""

    index: int = Field(description="Its place in the call, from 0.", examples=[2])
    field: Literal["head", "relation", "tail"] = Field(description="The first part that is not known.")
    code: Literal["unknown_entity", "unknown_relation"] = Field(description="Why.")


class AddedFactsBody(BaseModel):
    """What became of the facts."""

    added: int = Field(description="Facts that were stored now.", examples=[1])
    duplicates: list[int] = Field(
        description="Places, from 0, of facts that were stored before or stand earlier in the call.", examples=[[]]
    )
    rejected: list[RejectedFactBody] = Field(description="Facts that were not stored, and why; the others are.")

    @classmethod
    def of(cls, result: AddedFacts) -> "AddedFactsBody":
        """Convert what the store says."""
        rejected = [RejectedFactBody(index=r.index, field=r.part, code=r.code) for r in result.rejected]
        return cls(added=result.added, duplicates=list(result.duplicates), rejected=rejected)


class RemovedFact(FactChange):
    """A fact that was removed."""

    removed: bool = Field(True, description="Always true.")
