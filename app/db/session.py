"""One engine per process, and short connections: taken for a query or a write, returned before any scoring.

A connection for reading has no transaction: each query sees what was committed before it, in one round trip where a
transaction would cost three. SQLite runs in WAL mode with foreign keys on. Writes begin with BEGIN IMMEDIATE: they wait
for each other up to the busy timeout, where a deferred transaction that turns into a write would fail at once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.db.sqlite import connector, end_reading
from app.errors import StorageUnavailable

_log = logging.getLogger(__name__)
_WRITE = "ktup_write"
_SQLITE_BUSY_MS = 10_000
_NOT_USABLE = ("08", "25006", "28", "3D", "40", "42P01", "53", "55P03", "57", "58")
"""SQLSTATEs, or their classes (PostgreSQL, appendix A), of a server that cannot be used now: the connection broke, only
reading is allowed, who we are is not known, no such database, a deadlock, no such table, no memory, disk or connection
is left, a lock did not come free, it starts, stops or was told to break off, its disk fails."""


class Database:
    """The engine of this process, with its two kinds of connections."""

    def __init__(
        self, url: str, pool_size: int = 5, timeout_seconds: float = 2.0, statement_seconds: float | None = None
    ) -> None:
        """Make the engine; it connects at its first use.

        Args:
            url: of SQLite or PostgreSQL, for SQLAlchemy.
            pool_size: connections of each kind at most.
            timeout_seconds: longest wait for a free connection, or for a new one.
            statement_seconds: longest wait for PostgreSQL's answer to a statement; None, for commands whose statements
                are as long as their data, waits as long as TCP does: minutes, where the network swallows packets.
        """
        self.engine = create_engine(url, pool_size, timeout_seconds, statement_seconds)
        self._writer = self.engine.execution_options(**{_WRITE: True})
        self._reader = _reading_engine(self.engine, url, pool_size, timeout_seconds)
        self._timeout_seconds = timeout_seconds
        # First come, first served. The pool itself lets newcomers overtake: under load some would wait for ever.
        self._places = asyncio.Semaphore(pool_size)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for queries, each of which sees what was committed before it.

        Raises:
            StorageUnavailable: away, too slow, no connection came free in time, or not migrated.
        """
        async with self._connected(self._reader) as connection:
            with _Translated():
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for queries that all see one state, and whose results may be streamed.

        Raises:
            StorageUnavailable: as `reading`.
        """
        async with self._connected(self.engine) as connection:
            with _Translated():
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection within one transaction: committed at the end, rolled back on any error.

        Raises:
            StorageUnavailable: as `reading`.
        """
        async with self._connected(self._writer) as connection:
            with _Translated():
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        with _Translated():
            async with asyncio.timeout(self._timeout_seconds):
                await self._places.acquire()
        try:
            # A socket that is not there is an OSError of any kind; later on, OSErrors are somebody else's.
            with _Translated(OSError):
                connection = await engine.connect()
            try:
                yield connection
            finally:
                await connection.close()
        finally:
            self._places.release()

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
        await self._reader.dispose()


def create_engine(
    url: str, pool_size: int = 5, timeout_seconds: float = 2.0, statement_seconds: float | None = None
) -> AsyncEngine:
    """Make an engine for SQLite (aiosqlite) or PostgreSQL (asyncpg) with our rules for connections."""
    options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": timeout_seconds}
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_async_engine(url, async_creator=connector(url, _SQLITE_BUSY_MS / 1000), **options)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    arguments = {"timeout": timeout_seconds, "command_timeout": statement_seconds}
    return create_async_engine(
        url, pool_pre_ping=True, connect_args=arguments, **options, skip_autocommit_rollback=True
    )


def _reading_engine(engine: AsyncEngine, url: str, pool_size: int, timeout_seconds: float) -> AsyncEngine:
    """Make what reads without transactions. SQLite has connections of its own for it, which never begin any.

    SQLAlchemy cannot tell such a connection from one on which we began a transaction ourselves.
    """
    if engine.dialect.name != "sqlite":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": timeout_seconds}
    creator = connector(url, _SQLITE_BUSY_MS / 1000)
    reader = create_async_engine(url, async_creator=creator, skip_autocommit_rollback=True, **options)
    event.listen(reader.sync_engine, "connect", _set_up_sqlite)
    event.listen(reader.sync_engine, "checkin", end_reading)
    return reader


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Without an isolation level the driver begins nothing by itself: `_begin_sqlite` chooses.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_SQLITE_BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


class _Translated:
    """Turn the drivers' many ways to say "away" into StorageUnavailable; other errors pass."""

    def __init__(self, *more: type[BaseException]) -> None:
        self._more = more

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if error is not None and (_is_unavailable(error) or isinstance(error, self._more)):
            _log.warning("the database cannot be used", extra={"error": _first_line(error)})
            raise StorageUnavailable from error


def _is_unavailable(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        # Which of its classes the driver's errors become differs from version to version; the states do not.
        if str(getattr(error.orig, "sqlstate", None) or "").startswith(_NOT_USABLE):
            return True
        return isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated
    return isinstance(error, (PoolTimeout, TimeoutError, ConnectionError))


def _first_line(error: BaseException) -> str:
    """Name the error without its statement and parameters, which may hold people's ids."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"{type(cause).__name__}: {str(cause).partition(chr(10))[0][:200]}"
