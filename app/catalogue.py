"""Items and people as rows: what is stored of them, and what a store of them has to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item of the catalogue; `entity_id` is the entity of the knowledge graph that it is."""

    item_id: str
    title: str | None
    entity_id: str | None


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A person: stored since when (UTC), and how many items are in the history."""

    user_id: str
    created_at: datetime
    n_items: int


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of a person were erased, by table."""

    rows: Mapping[str, int]


class CatalogueItems(Protocol):
    """The catalogue, to be changed."""

    async def put(self, item: StoredItem) -> bool:
        """Store an item as it is given, also one that was deleted; True if it was not in the catalogue.

        Raises:
            UnknownEntity: it names an entity that is not stored; nothing has changed.
        """
        ...

    async def get(self, item_id: str) -> StoredItem:
        """Give an item.

        Raises:
            UnknownItem: it is not in the catalogue.
        """
        ...

    async def delete(self, item_id: str) -> None:
        """Take an item out of the catalogue; no list shows it from now on.

        Raises:
            UnknownItem: it is not in the catalogue.
        """
        ...

    async def page(self, limit: int, after: str) -> Sequence[StoredItem]:
        """Give the items after an id, in code point order."""
        ...

    async def some(self, item_ids: Sequence[str]) -> Sequence[StoredItem]:
        """Give those of the items that are in the catalogue, in the order of the ids."""
        ...


class People(Protocol):
    """People, to be changed."""

    async def put(self, user_id: str) -> bool:
        """Store a person; True if the id was not stored."""
        ...

    async def get(self, user_id: str) -> StoredUser:
        """Give a person.

        Raises:
            UnknownUser: the id is not stored.
        """
        ...

    async def page(self, prefix: str, limit: int, after: str) -> Sequence[StoredUser]:
        """Give people whose ids begin so, after an id, in code point order."""
        ...

    async def erase(self, user_id: str) -> Erased | None:
        """Remove every row about a person; None if the id is not stored."""
        ...
