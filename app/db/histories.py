"""Histories of one user or of many at once.

One user's history in SQLite is read by a statement that is ready in this process, as versions are (app/db/versions.py):
through SQLAlchemy and a trip to a thread it costs four times as much. Longer ones, and those of many users, would keep
the event loop waiting: they go the awaited way, gathered by the database into one row a user, which is three times as
fast as a row for each item.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import ARRAY, String, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import chunked
from app.db.session import Database
from app.db.sqlite import file_of, open_for_reading
from app.stored import History
from app.tenancy import current_tenant

AT_ONCE = 1_000
"""Rows that are read on the event loop's own thread: about a millisecond."""


class HistoryRepository:
    """Implements `app.stored.Histories`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file = file_of(database.engine.url)
        self._ready: sqlite3.Connection | None = None

    async def histories(self, user_ids: Collection[str]) -> dict[str, History]:
        """Give the histories of stored users, newest first; items without a time come last, ties by item id."""
        if len(user_ids) == 1:
            rows = self._read_now(*user_ids)
            if rows is not None:
                return _by_user(rows)
        found: dict[str, History] = {}
        async with self._database.reading() as connection:
            for chunk in chunked(dict.fromkeys(user_ids), _USERS):
                found |= await _gathered(connection, self._database.dialect, chunk)
        return found

    def close(self) -> None:
        """Close what is held open."""
        if self._ready is not None:
            self._ready.close()
            self._ready = None

    def _read_now(self, user_id: str) -> list[Any] | None:
        """Read one history; None where there is no file to read, it is locked, or the history is long."""
        if self._file is None:
            return None
        # Whatever is wrong (locked, moved, not migrated), the other way waits for it, or tells it.
        with suppress(sqlite3.Error):
            if self._ready is None:
                self._ready = open_for_reading(self._file)
            rows = self._ready.execute(_ONE, (current_tenant(), user_id, AT_ONCE + 1)).fetchall()
            return rows if len(rows) <= AT_ONCE else None
        return None


def _by_user(rows: Iterable[Any]) -> dict[str, History]:
    """Make histories of rows in their order: user, item or None, disliked, time or None."""
    met: dict[str, list[str]] = {}
    times: dict[str, list[int]] = {}
    disliked: dict[str, list[str]] = {}
    for user_id, item_id, is_disliked, time in rows:
        items = met.setdefault(user_id, [])
        if item_id is not None:
            items.append(item_id)
            if time is not None:
                times.setdefault(user_id, []).append(time)
            if is_disliked:
                disliked.setdefault(user_id, []).append(item_id)
    return {
        user_id: History(tuple(items), frozenset(disliked.get(user_id, ())), tuple(times.get(user_id, ())))
        for user_id, items in met.items()
    }


async def _gathered(connection: AsyncConnection, dialect: str, user_ids: list[str]) -> dict[str, History]:
    """Read histories of which the database makes one row a user."""
    statement = _MANY_OF_SQLITE if dialect == "sqlite" else _MANY_OF_POSTGRESQL
    asked = json.dumps(user_ids) if dialect == "sqlite" else user_ids
    rows = (await connection.execute(statement, {"tenant": current_tenant(), "users": asked})).all()
    if dialect == "sqlite":
        return {user_id: _history(*json.loads(gathered)) for user_id, gathered in rows}
    return {user_id: _history(items or [], times or [], disliked or []) for user_id, items, times, disliked in rows}


def _history(items: list[str], times: list[int | None], disliked: list[str]) -> History:
    """Make a history of items in their order, a time or None for each, and the disliked among them."""
    return History(tuple(items), frozenset(disliked), tuple(time for time in times if time is not None))


_USERS = 1_000
"""Users of one statement: some megabytes of ids."""


# Before 3.44 an aggregate of SQLite has no order of its own and takes that of what it reads; tests hold it.
_MANY_OF_SQLITE: TextClause = text("""
SELECT u.user_id, (
  SELECT json_array(
    json_group_array(item_id), json_group_array(timestamp), json_group_array(item_id) FILTER (WHERE disliked))
  FROM (
    SELECT i.item_id, i.timestamp, i.disliked
    FROM interactions AS i
    WHERE i.tenant_id = :tenant AND i.user_id = u.user_id AND i.item_id NOT IN (
      SELECT item_id FROM items WHERE tenant_id = :tenant AND deleted_at IS NOT NULL)
    ORDER BY i.timestamp DESC NULLS LAST, i.item_id))
FROM users AS u
WHERE u.tenant_id = :tenant AND u.user_id IN (SELECT value FROM json_each(:users))
""")
_MANY_OF_POSTGRESQL: TextClause = text("""
SELECT u.user_id,
  array_agg(i.item_id ORDER BY i.timestamp DESC NULLS LAST, i.item_id) FILTER (WHERE t.item_id IS NOT NULL),
  array_agg(i.timestamp ORDER BY i.timestamp DESC NULLS LAST, i.item_id) FILTER (WHERE t.item_id IS NOT NULL),
  array_agg(i.item_id) FILTER (WHERE t.item_id IS NOT NULL AND i.disliked)
FROM users AS u
LEFT JOIN interactions AS i ON i.tenant_id = u.tenant_id AND i.user_id = u.user_id
LEFT JOIN items AS t ON t.tenant_id = i.tenant_id AND t.item_id = i.item_id AND t.deleted_at IS NULL
WHERE u.tenant_id = :tenant AND u.user_id = ANY(:users)
GROUP BY u.user_id
""").bindparams(bindparam("users", type_=ARRAY(String)))
# The same for one user; a test holds both against each other.
_ONE = """
SELECT u.user_id, t.item_id, i.disliked, i.timestamp
FROM users AS u
LEFT JOIN interactions AS i ON i.tenant_id = u.tenant_id AND i.user_id = u.user_id
LEFT JOIN items AS t ON t.tenant_id = i.tenant_id AND t.item_id = i.item_id AND t.deleted_at IS NULL
WHERE u.tenant_id = ?1 AND u.user_id = ?2
ORDER BY i.timestamp DESC NULLS LAST, i.item_id
LIMIT ?3
"""
