"""SQLite behind asyncio in one trip: a query is run and read by one visit to the connection's thread.

The driver makes a cursor, runs, fetches and closes by a visit each, which costs more than most queries do.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from weakref import WeakSet

import aiosqlite
from sqlalchemy import URL, make_url
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

_FETCHED = 2_000
"""Rows that come with the first visit; the rest of a larger result is fetched as it is asked for."""


def connector(url: str, busy_seconds: float) -> Callable[[], "OneTripConnection"]:
    """Give what makes connections to the file that an SQLAlchemy URL names; they begin no transaction by themselves."""
    arguments: Any  # typed as texts alone
    arguments, options = SQLiteDialect_aiosqlite().create_connect_args(make_url(url))
    options = {**options, "timeout": busy_seconds, "isolation_level": None, "check_same_thread": False}
    return lambda: OneTripConnection(lambda: sqlite3.connect(*arguments, **options))


def file_of(url: URL) -> Path | None:
    """Give the SQLite file that a URL names; None of another database."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def open_for_reading(file: Path) -> sqlite3.Connection:
    """Open a file for statements on the event loop's own thread: in WAL mode they wait for no writer.

    Where one would have to wait, it fails instead. A file that is not there is not made.
    """
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors need no visit to be made."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connect, iter_chunk_size=_FETCHED)
        self._thread.daemon = True
        self._half_read: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self) -> "OneTripCursor":  # type: ignore[override]  # the driver's is awaited, or entered as this one is
        """Make a cursor; nothing happens before it executes."""
        return OneTripCursor(self)

    def end_reading(self) -> None:
        """Let go of results that nobody will read on, without waiting: they would show this file as it was for ever."""
        if self._half_read:
            cursors, self._half_read = list(self._half_read), WeakSet()
            self._tx.put_nowait((None, lambda: _close_all(cursors)))


def _close_all(cursors: Iterable[sqlite3.Cursor]) -> None:
    for cursor in cursors:
        cursor.close()


def end_reading(connection: Any, _record: Any) -> None:
    """Do so for what SQLAlchemy takes back into its pool."""
    if connection is not None:
        connection.driver_connection.end_reading()


class OneTripCursor:
    """What SQLAlchemy asks of a cursor."""

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self._rows: list[Any] = []
        self._exhausted = True

    async def __aenter__(self) -> "OneTripCursor":
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> "OneTripCursor":
        """Run a statement, and fetch the beginning of its result."""
        self._cursor, self._rows, self._exhausted = await self._visit(self._run, sql, parameters)
        if not self._exhausted:
            self._connection._half_read.add(self._cursor)
        return self

    def _run(self, sql: str, parameters: Any) -> tuple[sqlite3.Cursor, list[Any], bool]:
        cursor = self._connection._conn.execute(sql, parameters)
        rows = cursor.fetchmany(_FETCHED) if cursor.description else []
        return cursor, rows, len(rows) < _FETCHED

    async def executemany(self, sql: str, parameters: Iterable[Any]) -> "OneTripCursor":
        """Run a statement for each set of parameters."""
        self._cursor = await self._visit(self._connection._conn.executemany, sql, parameters)
        return self

    async def fetchone(self) -> Any:
        """Give the next row, or None."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Give the next rows."""
        size = size or _FETCHED
        if not self._exhausted and len(self._rows) < size:
            assert self._cursor is not None
            more = await self._visit(self._cursor.fetchmany, size - len(self._rows))
            self._exhausted = not more
            self._rows += more
        given, self._rows = self._rows[:size], self._rows[size:]
        return given

    async def fetchall(self) -> list[Any]:
        """Give all remaining rows."""
        if not self._exhausted:
            assert self._cursor is not None
            self._rows += await self._visit(self._cursor.fetchall)
            self._exhausted = True
        given, self._rows = self._rows, []
        return given

    async def close(self) -> None:
        """Let go of the statement; one that was read to its end holds nothing any more."""
        if not self._exhausted and self._cursor is not None:
            await self._visit(self._cursor.close)
        self._rows, self._exhausted = [], True

    @property
    def description(self) -> Any:
        """The columns; None for a statement without rows."""
        return self._cursor.description if self._cursor is not None else None

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._cursor.rowcount if self._cursor is not None else -1

    @property
    def lastrowid(self) -> int | None:
        """The row number of the last insert."""
        return self._cursor.lastrowid if self._cursor is not None else None

    @property
    def arraysize(self) -> int:
        """Rows that SQLAlchemy may fetch at once."""
        return _FETCHED

    async def _visit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        # The driver types neither its arguments nor its result.
        return await self._connection._execute(function, *arguments)  # type: ignore[no-untyped-call]
