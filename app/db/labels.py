"""Entities and relations, by id."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Entity, Relation, mine


class LabelRepository:
    """Implements `app.stored.Labels` for one table."""

    def __init__(
        self, database: Database, key: InstrumentedAttribute[str], label: InstrumentedAttribute[str | None]
    ) -> None:
        self._database = database
        self._key = key
        self._label = label

    async def labels(self, ids: Collection[str]) -> dict[str, str | None]:
        """Give the labels of stored ids; a stored id without a label maps to None."""
        found: dict[str, str | None] = {}
        async with self._database.reading() as connection:
            for chunk in chunked(ids):
                statement = select(self._key, self._label).where(mine(self._key.class_), self._key.in_(chunk))
                found.update((row[0], row[1]) for row in await connection.execute(statement))
        return found


def entity_repository(database: Database) -> LabelRepository:
    """Look up entities."""
    return LabelRepository(database, Entity.entity_id, Entity.label)


def relation_repository(database: Database) -> LabelRepository:
    """Look up relations."""
    return LabelRepository(database, Relation.relation_id, Relation.label)
