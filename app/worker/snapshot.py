"""What a tenant's database holds, at one moment, as the tables of a data set."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import polars as pl
from sqlalchemy import and_, exists, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.dataset import OPTIONAL, TABLES
from app.db.review import IS_STORED
from app.db.session import Database
from app.db.tables import Candidate, Entity, Fact, Interaction, Item, Relation, User, mine
from app.errors import StorageUnavailable

_PIECE = 20_000
_ORIGIN = {"origin": pl.String}


class SnapshotReader:
    """Reads a whole tenant, in pieces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> dict[str, pl.DataFrame]:
        """Read every table in the order of its ids; facts have their `origin`, and nothing has a split.

        Deleted items are left out, with what people did with them, and so is what people disliked: nothing is to
        be learnt from either as if it had been chosen. A fact from an entity to itself ties nothing. `rejected` has the
        predicted facts that people called false, but for those that were stored all the same.

        Raises:
            StorageUnavailable: the database is away or was not migrated.
        """
        async with self._one_moment() as connection:
            return {
                table: await _read(connection, statement, columns)
                for table, (statement, columns) in _statements().items()
            }

    @asynccontextmanager
    async def _one_moment(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection whose queries all see the same moment."""
        # The plain engine: `reading` may be single statements, and `writing` would keep writers of SQLite waiting.
        try:
            async with self._database.engine.connect() as connection, connection.begin():
                if self._database.dialect == "postgresql":
                    await connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield connection
        except (DBAPIError, OSError) as error:
            raise StorageUnavailable from error


def _statements() -> Mapping[str, tuple[Any, Mapping[str, Any]]]:
    kept = and_(mine(Item), Item.deleted_at.is_(None))
    linked = select(Item.item_id, Item.entity_id).where(kept, Item.entity_id.is_not(None))
    met = select(Interaction.user_id, Interaction.item_id, Interaction.value, Interaction.timestamp).where(
        mine(Interaction),
        Interaction.disliked.is_not(True),
        exists().where(kept, Item.item_id == Interaction.item_id),
    )
    facts = select(Fact.head, Fact.relation, Fact.tail, Fact.origin).where(mine(Fact), Fact.head != Fact.tail)
    rejected = select(Candidate.head, Candidate.relation, Candidate.tail).where(
        mine(Candidate), Candidate.state == "rejected", Candidate.head != Candidate.tail, ~IS_STORED
    )
    statements: dict[str, Any] = {
        "users": select(User.user_id).where(mine(User)).order_by(User.user_id),
        "items": select(Item.item_id, Item.title).where(kept).order_by(Item.item_id),
        "entities": select(Entity.entity_id, Entity.label).where(mine(Entity)).order_by(Entity.entity_id),
        "relations": select(Relation.relation_id, Relation.label).where(mine(Relation)).order_by(Relation.relation_id),
        "links": linked.order_by(Item.item_id),
        "interactions": met.order_by(Interaction.user_id, Interaction.item_id),
        "triples": facts.order_by(Fact.head, Fact.relation, Fact.tail),
        "rejected": rejected.order_by(Candidate.head, Candidate.relation, Candidate.tail),
    }
    return {table: (statement, _columns(table)) for table, statement in statements.items()}


def _columns(table: str) -> Mapping[str, Any]:
    columns = {name: kind for name, kind in {**TABLES, **OPTIONAL}[table].items() if name != "split"}
    return columns | (_ORIGIN if table == "triples" else {})


async def _read(connection: AsyncConnection, statement: Any, columns: Mapping[str, Any]) -> pl.DataFrame:
    pieces = [pl.DataFrame(schema=columns)]
    rows = await connection.stream(statement)
    async for piece in rows.partitions(_PIECE):
        pieces.append(pl.DataFrame([tuple(row) for row in piece], schema=columns, orient="row"))
    return pl.concat(pieces)
