"""The catalogue and its popularity."""

from collections.abc import Collection

from sqlalchemy import func, select

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Interaction, Item, mine
from app.ports import ScoredItem


class ItemRepository:
    """Implements `app.stored.Items`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def titles(self, item_ids: Collection[str]) -> dict[str, str | None]:
        """Give the titles of stored items."""
        found: dict[str, str | None] = {}
        async with self._database.reading() as connection:
            for chunk in chunked(item_ids):
                there = (mine(Item), Item.item_id.in_(chunk), Item.deleted_at.is_(None))
                statement = select(Item.item_id, Item.title).where(*there)
                found.update((row[0], row[1]) for row in await connection.execute(statement))
        return found

    async def most_popular(self, n: int, since: int | None = None) -> list[ScoredItem]:
        """Count interactions for each item; items without any come last, so that a short history never empties it.

        Of a window of time (`since`) they are left out.
        """
        recent = () if since is None else (Interaction.timestamp >= since,)
        counts = (
            select(Interaction.item_id, func.count().label("n"))
            .where(mine(Interaction), *recent)
            .group_by(Interaction.item_id)
            .subquery("counts")
        )
        count = func.coalesce(counts.c.n, 0)
        statement = (
            select(Item.item_id, count)
            .join(counts, counts.c.item_id == Item.item_id, isouter=since is None)
            .where(mine(Item), Item.deleted_at.is_(None))
            .order_by(count.desc(), Item.item_id)
            .limit(n)
        )
        async with self._database.reading() as connection:
            return [ScoredItem(row[0], float(row[1])) for row in await connection.execute(statement)]

    async def withdrawn(self) -> frozenset[str]:
        """Give the items that were deleted; a release may still know them."""
        statement = select(Item.item_id).where(mine(Item), Item.deleted_at.is_not(None))
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(statement)).scalars())
