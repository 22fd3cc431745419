"""The versions that cache keys hold, read anew for every call: what is written anywhere is seen by the next call.

No process may remember a version, as another may have raised it since. So the reading itself is made cheap:

- From SQLite by a statement that is ready in this process: some ten microseconds, less than handing it to a thread.
  A reader in WAL mode waits for no writer.
- From PostgreSQL by one query for everybody who waits. While it is under way newcomers gather for the next one: each
  is answered by a query that began after they asked. Rounds that follow each other share a connection, and the
  statement is made once: to borrow one and to put the other together takes five times what the query takes.
"""

import asyncio
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import ARRAY, CompoundSelect, Integer, String, any_, bindparam, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from app.db.chunks import chunked
from app.db.session import Database
from app.db.sqlite import file_of, open_for_reading
from app.db.tables import Stamp, User
from app.stored import Versions
from app.tenancy import current_tenant

_Waiting = tuple[int, str, "asyncio.Future[Versions]"]
"""Somebody who asks: of which tenant, for which user, and what they wait for."""
_ROUNDS = 16
"""Queries by one connection before it is given back: others wait for one, too."""
_LINGER_SECONDS = 0.002
"""How long a connection is kept for who may come next."""
_READ = """
SELECT history_version, (SELECT coalesce(sum(value), 0) FROM stamps WHERE tenant_id = ?1),
       coalesce(preference_version, 0)
FROM (SELECT 1) LEFT JOIN users ON tenant_id = ?1 AND user_id = ?2
"""


class VersionReader:
    """Implements `app.stored.VersionSource`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file = file_of(database.engine.url)
        self._ready: sqlite3.Connection | None = None
        self._waiting: list[_Waiting] = []
        self._reading: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        self._stamps: dict[int, int] = {}

    def latest(self) -> tuple[int, int]:
        """Give the current tenant, and the sum of its stamps when a call last read them."""
        tenant = current_tenant()
        return tenant, self._stamps.get(tenant, 0)

    async def of(self, user_id: str) -> Versions:
        """Give the numbers that grow with each change of what an answer for this user rests on.

        Each stamp grows by itself alone, so does their sum.
        """
        tenant = current_tenant()
        found = self._read_now(tenant, user_id) or await self._wait(tenant, user_id)
        self._stamps[tenant] = found.stamps
        return found

    async def of_many(self, user_ids: Collection[str]) -> dict[str, Versions]:
        """Give the versions of many users, each read after this call began; the stamps are of the first query."""
        tenant, found, first = current_tenant(), dict[str, Versions](), None
        for piece in chunked(user_ids):
            async with self._database.reading() as connection:
                those, stamps = await self._query(connection, tenant, piece)
            first = stamps if first is None else first
            for user_id in piece:
                history, preferences = those.get(user_id, (None, 0))
                found[user_id] = Versions(history, first, preferences)
        if first is not None:
            self._stamps[tenant] = first
        return found

    async def _wait(self, tenant: int, user_id: str) -> Versions:
        future: asyncio.Future[Versions] = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant, user_id, future))
        self._asked.set()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_for_all())
        return await future

    def close(self) -> None:
        """Close what is held open, and give back a connection that is kept for who may come next."""
        if self._reading is not None:
            self._reading.cancel()
        if self._ready is not None:
            self._ready.close()
            self._ready = None

    def _read_now(self, tenant: int, user_id: str) -> Versions | None:
        if self._file is not None:
            # Whatever is wrong (locked, moved, not migrated), the other way waits for it, or tells it.
            with suppress(sqlite3.Error):
                if self._ready is None:
                    self._ready = open_for_reading(self._file)
                return Versions(*self._ready.execute(_READ, (tenant, user_id)).fetchone())
        return None

    async def _read_for_all(self) -> None:
        try:
            while self._waiting:
                await self._read_by_one_connection()
        finally:
            self._reading = None

    async def _read_by_one_connection(self) -> None:
        taken = self._take()
        try:
            async with self._database.reading() as connection:
                await self._answer(connection, taken)
                for _ in range(_ROUNDS - 1):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._asked.wait(), _LINGER_SECONDS)
                    taken = self._take()
                    if not taken:
                        return
                    await self._answer(connection, taken)
        except Exception as error:
            for _, _, future in taken:
                if not future.done():
                    future.set_exception(error)

    def _take(self) -> list[_Waiting]:
        self._asked.clear()
        taken, self._waiting = self._waiting, []
        return taken

    async def _answer(self, connection: AsyncConnection, taken: list[_Waiting]) -> None:
        for tenant in dict.fromkeys(tenant for tenant, _, _ in taken):
            waiting = [(user_id, future) for of, user_id, future in taken if of == tenant]
            user_ids = list(dict.fromkeys(user_id for user_id, _ in waiting))
            found, stamps = await self._query(connection, tenant, user_ids)
            for user_id, future in waiting:
                if not future.done():
                    history, preferences = found.get(user_id, (None, 0))
                    future.set_result(Versions(history, stamps, preferences))

    async def _query(
        self, connection: AsyncConnection, tenant: int, user_ids: list[str]
    ) -> tuple[dict[str, tuple[int, int]], int]:
        statement = _OF_POSTGRESQL if self._database.dialect == "postgresql" else _OF_SQLITE
        rows: Sequence[Any] = (await connection.execute(statement, {"tenant": tenant, "ids": user_ids})).all()
        # PostgreSQL sums big integers to a decimal.
        found = {row[0]: (int(row[1]), int(row[2])) for row in rows}
        return found, found.pop(None)[0]


def _statement(chosen: ColumnElement[bool]) -> CompoundSelect[Any]:
    """Ask for the sum of a tenant's stamps, beside no user, and for the versions of those chosen."""
    tenant = bindparam("tenant", type_=Integer)
    summed = func.coalesce(func.sum(Stamp.value), 0)
    stamps = select(literal(None), summed, literal(0)).where(Stamp.tenant_id == tenant)
    columns = (User.user_id, User.history_version, User.preference_version)
    return union_all(stamps, select(*columns).where(User.tenant_id == tenant, chosen))


# One parameter, however many they are: one statement to prepare.
_OF_POSTGRESQL = _statement(User.user_id == any_(bindparam("ids", type_=ARRAY(String))))
_OF_SQLITE = _statement(User.user_id.in_(bindparam("ids", expanding=True)))
