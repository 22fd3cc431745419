"""Filters, read against what is stored."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.session import Database
from app.db.tables import Entity, Fact, Item, Relation, mine
from app.errors import InvalidQuery, UnknownEntity, UnknownRelation
from app.filters import ENTITY, TITLE

_MOST_COLONS = 100


class FilterRepository:
    """Implements `app.filters.Filters`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def matching(self, text: str) -> frozenset[str]:
        """Give the items that a filter leaves in."""
        splits = list(_splits(text))
        if not splits or len(splits) > _MOST_COLONS:
            raise InvalidQuery("A filter is written relation:entity_id, item.title:TEXT or item.entity_id:ID.", _FIELD)
        async with self._database.reading() as connection:
            statement = await _reading(connection, splits)
            statement = statement.where(mine(Item), Item.deleted_at.is_(None))
            return frozenset((await connection.execute(statement)).scalars())


_FIELD = ("filter",)


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Split at each colon.

    >>> list(_splits("a:b:c"))
    [('a', 'b:c'), ('a:b', 'c')]
    """
    at = text.find(":")
    while at >= 0:
        if 0 < at < len(text) - 1:
            yield text[:at], text[at + 1 :]
        at = text.find(":", at + 1)


async def _reading(connection: AsyncConnection, splits: list[tuple[str, str]]) -> Any:
    """Find the one way to read a filter, as a query for items."""
    relations = await _stored(connection, Relation.relation_id, Relation, [front for front, _ in splits])
    wanted = [back for front, back in splits if front in relations or front == ENTITY]
    entities = await _stored(connection, Entity.entity_id, Entity, wanted)
    readings = [_with_fact(front, back) for front, back in splits if front in relations and back in entities]
    readings += [select(Item.item_id).where(Item.title == back) for front, back in splits if front == TITLE]
    of_entity = [back for front, back in splits if front == ENTITY and back in entities]
    readings += [select(Item.item_id).where(Item.entity_id == back) for back in of_entity]
    if len(readings) > 1:
        raise InvalidQuery("This filter can be read in several ways: its ids hold colons.", _FIELD)
    if not readings:
        raise UnknownEntity(wanted[-1]) if wanted else UnknownRelation(splits[0][0])
    return readings[0]


async def _stored(connection: AsyncConnection, column: Any, table: Any, ids: list[str]) -> set[str]:
    if not ids:
        return set()
    return set((await connection.execute(select(column).where(mine(table), column.in_(ids)))).scalars())


def _with_fact(relation_id: str, entity_id: str) -> Any:
    from_item = select(Fact.head).where(mine(Fact), Fact.relation == relation_id, Fact.tail == entity_id)
    to_item = select(Fact.tail).where(mine(Fact), Fact.relation == relation_id, Fact.head == entity_id)
    return select(Item.item_id).where(Item.entity_id.in_(union_all(from_item, to_item)))
