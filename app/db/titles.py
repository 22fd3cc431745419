"""What items are called, all of them, to be searched."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import select

from app.db.session import Database
from app.db.tables import CATALOGUE, Item, Stamp, mine
from app.knowledge import Labelled

_PIECE = 20_000


class TitleRepository:
    """Implements `app.knowledge.EntityLabels` for the items of the catalogue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self) -> int:
        """Give the version of the catalogue."""
        statement = select(Stamp.value).where(mine(Stamp), Stamp.name == CATALOGUE)
        async with self._database.reading() as connection:
            return (await connection.execute(statement)).scalar_one_or_none() or 0

    async def labels(self) -> AsyncIterator[Sequence[Labelled]]:
        """Give all items that are not deleted, with their titles."""
        last = ""
        while True:
            there = (mine(Item), Item.item_id > last, Item.deleted_at.is_(None))
            statement = select(Item.item_id, Item.title).where(*there).order_by(Item.item_id).limit(_PIECE)
            async with self._database.reading() as connection:
                piece = [(row[0], row[1]) for row in await connection.execute(statement)]
            if not piece:
                return
            yield piece
            last = piece[-1][0]
