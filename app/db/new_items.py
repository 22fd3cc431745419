"""What is stored of items that a release may not know."""

from collections.abc import Collection

from sqlalchemy import or_, select

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Fact as FactRow
from app.db.tables import Item, mine
from app.ports import Fact


class PlacedItems:
    """Implements `app.services.new_items.StoredPlaces`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entities(self) -> list[tuple[str, str]]:
        """Give each item that is an entity, and the entity; newest first, ties by item id."""
        there = (mine(Item), Item.deleted_at.is_(None), Item.entity_id.is_not(None))
        statement = select(Item.item_id, Item.entity_id).where(*there)
        async with self._database.reading() as connection:
            rows = await connection.execute(statement.order_by(Item.added_at.desc().nulls_last(), Item.item_id))
            return [(row[0], row[1] or "") for row in rows]

    async def facts(self, entity_ids: Collection[str]) -> list[Fact]:
        """Give every fact that one of the entities stands in."""
        found: dict[Fact, None] = {}
        async with self._database.reading() as connection:
            for chunk in chunked(entity_ids, 250):
                about = or_(FactRow.head.in_(chunk), FactRow.tail.in_(chunk))
                statement = select(FactRow.head, FactRow.relation, FactRow.tail).where(mine(FactRow), about)
                found.update({(row[0], row[1], row[2]): None for row in await connection.execute(statement)})
        return list(found)
