"""Import of a whole data set in one transaction: all of it is stored, or nothing. Running it again changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import bindparam, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.session import Database
from app.db.tables import (
    CATALOGUE,
    GRAPH,
    LABELS,
    Candidate,
    Entity,
    Fact,
    Interaction,
    Item,
    Relation,
    User,
    mine,
)
from app.db.upsert import raise_stamp, upsert

IMPORTED = "imported"
"""Stands for the release, and for who decided, of a rejected fact that came with a data set, which tells neither."""

_SQLITE_CACHE_KB = 256 * 1024

Rows = list[dict[str, Any]]
Progress = Callable[[str, int], None]
"""Called with a table's name and the number of rows just stored."""


class DatasetSource(Protocol):
    """Tables in pieces, as `app.dataset.DatasetReader` gives them."""

    def rows(self, table: str) -> Iterator[Rows]:
        """Give the rows of a table."""
        ...


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Rows read for each table, and the users whose history changed."""

    read: dict[str, int] = field(default_factory=dict)
    changed_users: int = 0


class DatasetImport:
    """Upserts the tables in the order of their references."""

    def __init__(self, database: Database, source: DatasetSource, progress: Progress) -> None:
        self._database = database
        self._source = source
        self._progress = progress
        self._read: dict[str, int] = {}
        self._changed: set[str] = set()

    async def run(self) -> ImportCounts:
        """Import everything, and raise the history version of each user whose history changed.

        Labels, titles and links that the data set leaves empty keep what is stored. Accepted facts stay accepted. A
        rejected fact is a decided candidate again; what was decided here already stays as it is.

        Raises:
            StorageUnavailable: the database is away, locked or not migrated; nothing has been stored.
        """
        async with self._database.writing() as connection:
            await self._widen_cache(connection)
            await self._store(connection, "users", self._insert(User).on_conflict_do_nothing())
            await self._store(connection, "entities", self._keep_old(Entity, "entity_id", "label"))
            await self._store(connection, "relations", self._keep_old(Relation, "relation_id", "label"))
            await self._store(connection, "items", self._keep_old(Item, "item_id", "title"))
            await self._store(connection, "links", self._keep_old(Item, "item_id", "entity_id"))
            await self._store(connection, "triples", self._insert(Fact).on_conflict_do_nothing())
            await self._store(connection, "rejected", self._reject())
            for stamp in (LABELS, CATALOGUE, GRAPH):
                await raise_stamp(connection, stamp)
            await self._store_interactions(connection)
            await self._raise_versions(connection)
        return ImportCounts(self._read, len(self._changed))

    async def _widen_cache(self, connection: AsyncConnection) -> None:
        """Keep SQLite's index pages in memory: with its 2 MB they are written and read again for each piece."""
        if self._database.dialect == "sqlite":
            await connection.exec_driver_sql(f"PRAGMA cache_size=-{_SQLITE_CACHE_KB}")

    def _reject(self) -> Any:
        """Insert a candidate that is rejected, or decide one that is open."""
        decided = {"state": "rejected", "decided_by": IMPORTED, "decided_at": datetime.now(UTC)}
        statement = self._insert(Candidate).values(**decided, release_id=IMPORTED, score=0.0, n_users=0)
        fact = (Candidate.tenant_id, Candidate.head, Candidate.relation, Candidate.tail)
        return statement.on_conflict_do_update(index_elements=fact, set_=decided, where=Candidate.state == "open")

    def _insert(self, table: Any) -> Any:
        return upsert(self._database.dialect, table)

    def _keep_old(self, table: Any, key: str, column: str) -> Any:
        """Upsert where an empty new value does not wipe out the old one."""
        statement = self._insert(table)
        value = func.coalesce(statement.excluded[column], getattr(table, column))
        return statement.on_conflict_do_update(
            index_elements=[table.tenant_id, getattr(table, key)], set_={column: value}
        )

    async def _store(self, connection: AsyncConnection, table: str, statement: Any) -> None:
        self._read[table] = 0
        for rows in self._source.rows(table):
            await connection.execute(statement, rows)
            self._count(table, len(rows))

    async def _store_interactions(self, connection: AsyncConnection) -> None:
        """Upsert interactions; the rows that were new or other than before come back with their users."""
        statement = self._insert(Interaction)
        value, timestamp = statement.excluded.value, statement.excluded.timestamp
        statement = statement.on_conflict_do_update(
            index_elements=[Interaction.tenant_id, Interaction.user_id, Interaction.item_id],
            set_={"value": value, "timestamp": timestamp},
            where=Interaction.value.is_distinct_from(value) | Interaction.timestamp.is_distinct_from(timestamp),
        ).returning(Interaction.user_id)
        self._read["interactions"] = 0
        for rows in self._source.rows("interactions"):
            self._changed.update((await connection.execute(statement, rows)).scalars())
            self._count("interactions", len(rows))

    async def _raise_versions(self, connection: AsyncConnection) -> None:
        if self._changed:
            users = User.__table__
            statement = (
                update(users)  # type: ignore[arg-type]  # the Core table: an ORM bulk update takes no expressions
                .where(mine(User), users.c.user_id == bindparam("changed"))
                .values(history_version=users.c.history_version + 1)
            )
            await connection.execute(statement, [{"changed": user_id} for user_id in sorted(self._changed)])

    def _count(self, table: str, n: int) -> None:
        self._read[table] += n
        self._progress(table, n)
