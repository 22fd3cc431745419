"""Filters of lists: by a stored fact, or by an attribute of the item."""

from typing import Protocol

TITLE, ENTITY = "item.title", "item.entity_id"
"""The attributes that items have, as they stand before the colon."""


class Filters(Protocol):
    """Which items a filter leaves in."""

    async def matching(self, text: str) -> frozenset[str]:
        """Give the items that a filter leaves in.

        `relation:entity_id` leaves in the items whose entity a stored fact of the relation joins to that entity, as
        head or as tail; `item.title:TEXT` those of exactly that title; `item.entity_id:ID` those of that entity. Ids
        may hold colons: the text is read in whichever way names what is stored.

        Raises:
            UnknownRelation, UnknownEntity: it names what is not stored.
            InvalidQuery: it has no colon, or can be read in several ways.
        """
        ...
