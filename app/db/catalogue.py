"""The catalogue and people, changed by rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue import Erased, StoredItem, StoredUser
from app.db.chunks import chunked
from app.db.served import forget
from app.db.session import Database
from app.db.tables import CATALOGUE, ERASURE, Base, Entity, ErasedUser, Interaction, Item, Stamp, User, mine
from app.db.upsert import raise_stamp, upsert
from app.erased import user_key
from app.errors import UnknownEntity, UnknownItem, UnknownUser
from app.tenancy import current_tenant

# Every table that names people, children before parents; also those that are added some day.
_PERSONAL = [table for table in reversed(Base.metadata.sorted_tables) if "user_id" in table.c]
_COLUMNS = (Item.item_id, Item.title, Item.entity_id)
_AFTER_ALL = "\U0010ffff"


class CatalogueRepository:
    """Implements `app.catalogue.CatalogueItems`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, item: StoredItem) -> bool:
        """Store an item."""
        async with self._database.writing() as connection:
            await _check_entity(connection, item.entity_id)
            known = (await connection.execute(select(Item.item_id).where(*_there(item.item_id)))).first() is not None
            await connection.execute(_put(connection, item))
            await raise_stamp(connection, CATALOGUE)
            return not known

    async def get(self, item_id: str) -> StoredItem:
        """Give an item."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(*_there(item_id)))).first()
        if row is None:
            raise UnknownItem(item_id)
        return StoredItem(*row)

    async def delete(self, item_id: str) -> None:
        """Mark an item as deleted: releases and people's pasts go on naming it, and nothing shows it."""
        async with self._database.writing() as connection:
            statement = update(Item).where(*_there(item_id)).values(deleted_at=datetime.now(UTC))
            if (await connection.execute(statement)).rowcount == 0:
                raise UnknownItem(item_id)
            await raise_stamp(connection, CATALOGUE)

    async def page(self, limit: int, after: str) -> Sequence[StoredItem]:
        """Give the items after an id."""
        there = (mine(Item), Item.item_id > after, Item.deleted_at.is_(None))
        statement = select(*_COLUMNS).where(*there).order_by(Item.item_id).limit(limit)
        async with self._database.reading() as connection:
            return [StoredItem(*row) for row in await connection.execute(statement)]

    async def some(self, item_ids: Sequence[str]) -> Sequence[StoredItem]:
        """Give the items of some ids."""
        found: dict[str, StoredItem] = {}
        async with self._database.reading() as connection:
            for chunk in chunked(item_ids):
                there = (mine(Item), Item.item_id.in_(chunk), Item.deleted_at.is_(None))
                rows = await connection.execute(select(*_COLUMNS).where(*there))
                found |= {row[0]: StoredItem(*row) for row in rows}
        return [found[item_id] for item_id in item_ids if item_id in found]


def _there(item_id: str) -> tuple[Any, ...]:
    return mine(Item), Item.item_id == item_id, Item.deleted_at.is_(None)


async def _check_entity(connection: AsyncConnection, entity_id: str | None) -> None:
    if entity_id is not None:
        statement = select(Entity.entity_id).where(mine(Entity), Entity.entity_id == entity_id)
        if (await connection.execute(statement)).first() is None:
            raise UnknownEntity(entity_id)


def _put(connection: AsyncConnection, item: StoredItem) -> Any:
    values = {"title": item.title, "entity_id": item.entity_id, "deleted_at": None}
    statement = upsert(connection.dialect.name, Item).values(item_id=item.item_id, **values)
    return statement.on_conflict_do_update(index_elements=[Item.tenant_id, Item.item_id], set_=values)


class PeopleRepository:
    """Implements `app.catalogue.People`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, user_id: str) -> bool:
        """Store a person."""
        async with self._database.writing() as connection:
            statement = upsert(connection.dialect.name, User).values(user_id=user_id).on_conflict_do_nothing()
            return (await connection.execute(statement.returning(User.user_id))).first() is not None

    async def get(self, user_id: str) -> StoredUser:
        """Give a person."""
        person = select(User.created_at).where(mine(User), User.user_id == user_id)
        met = select(func.count()).select_from(Interaction)
        async with self._database.reading() as connection:
            created_at = (await connection.execute(person)).scalar_one_or_none()
            if created_at is None:
                raise UnknownUser(user_id)
            n_items = (await connection.execute(met.where(*_of(Interaction, user_id)))).scalar_one()
        return StoredUser(user_id, _in_utc(created_at), n_items)

    async def page(self, prefix: str, limit: int, after: str) -> Sequence[StoredUser]:
        """Give people whose ids begin so, after an id."""
        begins = (User.user_id >= prefix, User.user_id < prefix + _AFTER_ALL) if prefix else ()
        theirs = (Interaction.tenant_id == User.tenant_id, Interaction.user_id == User.user_id)
        met = select(func.count()).select_from(Interaction).where(*theirs).correlate(User).scalar_subquery()
        statement = select(User.user_id, User.created_at, met).where(mine(User), User.user_id > after, *begins)
        async with self._database.reading() as connection:
            rows = await connection.execute(statement.order_by(User.user_id).limit(limit))
            return [StoredUser(row[0], _in_utc(row[1]), row[2]) for row in rows]

    async def erase(self, user_id: str) -> Erased | None:
        """Remove every row about a person, and tell every process that its memory may name them."""
        async with self._database.writing() as connection:
            # Locked first: an event that comes meanwhile waits, and then stores a new person with nothing but itself.
            statement = select(User.history_version).where(*_of(User, user_id)).with_for_update()
            version = (await connection.execute(statement)).scalar_one_or_none()
            if version is None:
                return None
            rows = {}
            for table in _PERSONAL:
                condition = (table.c.tenant_id == current_tenant(), table.c.user_id == user_id)
                rows[table.name] = (await connection.execute(delete(table).where(*condition))).rowcount
            rows["served_lists"] = await forget(connection, user_id)
            await _note(connection, user_id)
            # By more than the version that goes: their sum, which is in the keys of cached answers, never comes again.
            await raise_stamp(connection, ERASURE, version + 1)
        return Erased(rows)


async def _note(connection: AsyncConnection, user_id: str) -> None:
    values = {"user_key": user_key(current_tenant(), user_id), "erased_at": datetime.now(UTC).timestamp()}
    statement = upsert(connection.dialect.name, ErasedUser).values(**values)
    key = [ErasedUser.tenant_id, ErasedUser.user_key]
    await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


class ErasureRepository:
    """Implements `app.services.erasure.Erasures`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        """Add up the erasures of all tenants: the memory of a process holds answers of each."""
        async with self._database.reading() as connection:
            statement = select(func.coalesce(func.sum(Stamp.value), 0)).where(Stamp.name == ERASURE)
            return int((await connection.execute(statement)).scalar_one())

    async def erased(self) -> dict[str, float]:
        """Give the `user_key` of everybody who was erased, of all tenants, and when (seconds since 1970, UTC)."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(ErasedUser.user_key, ErasedUser.erased_at))
            return {row[0]: row[1] for row in rows}


def _of(table: Any, user_id: str) -> tuple[Any, ...]:
    return mine(table), table.user_id == user_id


def _in_utc(time: datetime) -> datetime:
    """SQLite keeps no time zone: what was written in UTC comes back without one."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
