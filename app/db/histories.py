"""Histories of one user or of many at once.

One user's history in SQLite is read by a statement that is ready in this process, as versions are (app/db/versions.py):
through SQLAlchemy and a trip to a thread it costs four times as much. Longer ones, and those of many users, would keep
the event loop waiting: they go the awaited way.
"""

import sqlite3
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import and_, select

from app.db.chunks import chunked
from app.db.session import Database
from app.db.sqlite import file_of, open_for_reading
from app.db.tables import Interaction, Item, User, mine
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
            for chunk in chunked(dict.fromkeys(user_ids)):
                statement = _HISTORIES.where(mine(User), User.user_id.in_(chunk))
                found |= _by_user((await connection.execute(statement)).all())
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


_OF_USER = and_(Interaction.tenant_id == User.tenant_id, Interaction.user_id == User.user_id)
_STORED = and_(Item.tenant_id == Interaction.tenant_id, Item.item_id == Interaction.item_id, Item.deleted_at.is_(None))
# Users without a history have one row, without an item.
_HISTORIES = (
    select(User.user_id, Item.item_id, Interaction.disliked, Interaction.timestamp)
    .outerjoin(Interaction, _OF_USER)
    .outerjoin(Item, _STORED)
    .order_by(User.user_id, Interaction.timestamp.desc().nulls_last(), Interaction.item_id)
)
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
