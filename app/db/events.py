"""Events, stored once each, and the histories that follow from them in the same transaction."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Event as EventRow
from app.db.tables import Interaction, Item, User, mine
from app.db.upsert import upsert
from app.feedback import Event, HistoryItem, Met, Recorded, Rejection, fold

_ATTEMPTS = 5
_EVENT = tuple(field.name for field in fields(Event))
_MET = tuple(field.name for field in fields(Met))


class EventRepository:
    """Implements `app.feedback.Events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, events: Sequence[Event]) -> Recorded:
        """Store events in a transaction of their own."""
        for attempt in range(_ATTEMPTS):
            try:
                async with self._database.writing() as connection:
                    return await record_events(connection, events)
            except IntegrityError:
                # A person was erased between two of our statements on PostgreSQL: begin again, with a new one.
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def history(self, user_id: str, limit: int, after: tuple[int | None, str] | None) -> list[HistoryItem] | None:
        """Give one page of a history; see the protocol."""
        columns = (Interaction.item_id, Item.title, Interaction.value, Interaction.timestamp, Interaction.disliked)
        same_item = and_(Item.tenant_id == Interaction.tenant_id, Item.item_id == Interaction.item_id)
        statement = (
            select(*columns)
            .join(Item, same_item)
            .where(mine(Interaction), Interaction.user_id == user_id, Item.deleted_at.is_(None), *_older(after))
            .order_by(Interaction.timestamp.desc().nulls_last(), Interaction.item_id)
            .limit(limit)
        )
        known = select(User.user_id).where(mine(User), User.user_id == user_id)
        async with self._database.reading() as connection:
            if (await connection.execute(known)).first() is None:
                return None
            return [HistoryItem(*row) for row in await connection.execute(statement)]


def _older(after: tuple[int | None, str] | None) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    time, item_id = after
    if time is None:
        return [and_(Interaction.timestamp.is_(None), Interaction.item_id > item_id)]
    same_time = and_(Interaction.timestamp == time, Interaction.item_id > item_id)
    return [or_(Interaction.timestamp < time, Interaction.timestamp.is_(None), same_time)]


async def record_events(connection: AsyncConnection, events: Sequence[Event]) -> Recorded:
    """Store events within a transaction.

    Whatever is written is written in the order of its ids: two writers wait for each other, but never in a circle.
    """
    stored = await stored_items(connection, {event.item_id for event in events})
    rejected = tuple(Rejection(n, "unknown_item") for n, event in enumerate(events) if event.item_id not in stored)
    possible = [event for event in events if event.item_id in stored]
    await create_users(connection, {event.user_id for event in possible})
    new = await _insert(connection, possible)
    await raise_versions(connection, await _meet(connection, fold(new)))
    return Recorded(len(new), len(possible) - len(new), rejected)


async def stored_items(connection: AsyncConnection, item_ids: Collection[str]) -> set[str]:
    """Tell which items are in the catalogue, and keep them there until the transaction ends."""
    found: set[str] = set()
    for chunk in chunked(sorted(item_ids)):
        statement = select(Item.item_id).where(mine(Item), Item.item_id.in_(chunk), Item.deleted_at.is_(None))
        found.update((await connection.execute(statement.with_for_update(read=True, key_share=True))).scalars())
    return found


async def create_users(connection: AsyncConnection, user_ids: Collection[str]) -> None:
    """Store users who are not stored yet."""
    if user_ids:
        statement = upsert(connection.dialect.name, User).on_conflict_do_nothing()
        await connection.execute(statement, [{"user_id": user_id} for user_id in sorted(user_ids)])


async def raise_versions(connection: AsyncConnection, user_ids: Collection[str]) -> None:
    """Give the histories of these users a new version: no answer that was computed before is given again."""
    if user_ids:
        users = User.__table__
        statement = (
            update(users)  # type: ignore[arg-type]  # the Core table: an ORM bulk update takes no expressions
            .where(mine(User), users.c.user_id == bindparam("changed"))
            .values(history_version=users.c.history_version + 1)
        )
        await connection.execute(statement, [{"changed": user_id} for user_id in sorted(user_ids)])


async def _insert(connection: AsyncConnection, events: Sequence[Event]) -> list[Event]:
    """Store events whose id is not stored yet, and give them; of two with one id in a call, the first counts."""
    unique: dict[str, Event] = {}
    for event in events:
        unique.setdefault(event.event_id, event)
    if not unique:
        return []
    statement = upsert(connection.dialect.name, EventRow).on_conflict_do_nothing().returning(EventRow.event_id)
    rows = [_row(_EVENT, unique[event_id]) for event_id in sorted(unique)]
    return [unique[event_id] for event_id in (await connection.execute(statement, rows)).scalars()]


async def _meet(connection: AsyncConnection, rows: Sequence[Met]) -> set[str]:
    """Bring histories up to date; gives the users whose history is another now.

    An event that comes late fills in what newer ones left open, and changes nothing else.
    """
    if not rows:
        return set()
    statement: Any = upsert(connection.dialect.name, Interaction)
    given = statement.excluded
    newer = or_(Interaction.timestamp.is_(None), given.timestamp >= Interaction.timestamp)
    changed = {
        "timestamp": case((newer, given.timestamp), else_=Interaction.timestamp),
        "value": _newest(newer, given.value, Interaction.value),
        "disliked": _newest(newer, given.disliked, Interaction.disliked),
    }
    statement = statement.on_conflict_do_update(
        index_elements=[Interaction.tenant_id, Interaction.user_id, Interaction.item_id],
        set_=changed,
        where=or_(*(getattr(Interaction, name).is_distinct_from(value) for name, value in changed.items())),
    )
    parameters = [_row(_MET, row) for row in rows]
    return set((await connection.execute(statement.returning(Interaction.user_id), parameters)).scalars())


def _row(names: Sequence[str], value: Event | Met) -> dict[str, Any]:
    # `dataclasses.asdict` copies every value deeply, which takes longer than the database does.
    return {name: getattr(value, name) for name in names}


def _newest(newer: ColumnElement[bool], given: Any, stored: Any) -> ColumnElement[Any]:
    return case((newer, func.coalesce(given, stored)), else_=func.coalesce(stored, given))
