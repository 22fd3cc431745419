"""The knowledge graph as rows: what is stored of it, and what a store of it has to do."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.ports import Fact, Role

Labelled = tuple[str, str | None]
"""An id with its label, if there is one."""


@dataclass(frozen=True, slots=True)
class StoredEntity:
    """An entity, the first of the items that it is, and how many facts name it."""

    entity_id: str
    label: str | None
    item_ids: tuple[str, ...]
    n_facts: int


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact with the number of its row, which grows, where it comes from, and the labels of its parts."""

    row: int
    fact: Fact
    origin: Literal["stored", "accepted"]
    labels: tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class FactPattern:
    """The parts that a fact has to have; None is any."""

    head: str | None = None
    relation: str | None = None
    tail: str | None = None


@dataclass(frozen=True, slots=True)
class RejectedFact:
    """A fact that was not stored: its place in the call, and the part that is not known."""

    index: int
    part: Role

    @property
    def code(self) -> Literal["unknown_relation", "unknown_entity"]:
        """Why, for programs."""
        return "unknown_relation" if self.part == "relation" else "unknown_entity"


@dataclass(frozen=True, slots=True)
class AddedFacts:
    """What became of the facts of one call; `duplicates` are places of those that were stored before or repeated."""

    added: int
    duplicates: tuple[int, ...]
    rejected: tuple[RejectedFact, ...]


class Knowledge(Protocol):
    """The graph, to be read and changed."""

    async def entity(self, entity_id: str) -> StoredEntity:
        """Give an entity.

        Raises:
            UnknownEntity: it is not stored.
        """
        ...

    async def relations(self, limit: int, after: str) -> Sequence[Labelled]:
        """Give the relations after an id, in code point order."""
        ...

    async def facts(self, pattern: FactPattern, limit: int, after: int) -> Sequence[StoredFact]:
        """Give the facts of a pattern after a row, in the order in which they were stored.

        Raises:
            UnknownEntity, UnknownRelation: a given part is not stored.
        """
        ...

    async def add(self, facts: Sequence[Fact], create_entities: bool) -> AddedFacts:
        """Store the facts that are new and whose parts are known; with `create_entities`, ends need not be."""
        ...

    async def remove(self, fact: Fact) -> None:
        """Remove a fact.

        Raises:
            UnknownFact: it is not stored.
        """
        ...


class EntityLabels(Protocol):
    """All entities with their labels, to be searched."""

    async def version(self) -> int:
        """Give the number that grows with each change of any label."""
        ...

    def labels(self) -> AsyncIterator[Sequence[Labelled]]:
        """Give all of them, in pieces."""
        ...
