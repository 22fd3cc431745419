"""The log of what was recommended, and what events say of it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import chunked
from app.db.operation_tables import ServedList
from app.db.session import Database
from app.db.tables import Event, Tenant, User, mine
from app.db.upsert import upsert
from app.erased import user_key
from app.stored_operations import OnlineCounts, Served
from app.tenancy import current_tenant

_ROWS = 200
"""Lists in one INSERT."""

CLICKS = frozenset({"click"})
TAKES = frozenset({"view", "like", "purchase", "rating"})


class ServedRepository:
    """Implements `app.stored_operations.ServedLists`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, lists: Sequence[Served]) -> None:
        """Store lists, in one transaction."""
        statement = upsert(self._database.dialect, ServedList).on_conflict_do_nothing()
        async with self._database.writing() as connection:
            keys = await _keys(connection, {(s.tenant_id, s.user_id) for s in lists if s.user_id is not None})
            rows = [_row(served, keys.get((served.tenant_id, served.user_id), "")) for served in lists]
            for start in range(0, len(rows), _ROWS):
                await connection.execute(statement, rows[start : start + _ROWS])

    async def prune(self, before: datetime, keep: int) -> int:
        """Delete what is too old or too much, by two statements that walk an index."""
        async with self._database.writing() as connection:
            old = await connection.execute(delete(ServedList).where(ServedList.served_at < before))
            gone = old.rowcount
            for tenant in (await connection.execute(select(Tenant.tenant_id))).scalars().all():
                gone += await self._prune_one(connection, tenant, keep)
        return gone

    async def _prune_one(self, connection: AsyncConnection, tenant: int, keep: int) -> int:
        own = ServedList.tenant_id == tenant
        edge = select(ServedList.served_at).where(own).order_by(ServedList.served_at.desc()).offset(keep).limit(1)
        newest = (await connection.execute(edge)).scalar()
        if newest is None:
            return 0
        return (await connection.execute(delete(ServedList).where(own, ServedList.served_at <= newest))).rowcount

    async def counts(self, since: datetime, until: datetime) -> Sequence[OnlineCounts]:
        """Count lists by release and strategy in SQL; read only those that an event names."""
        window = (mine(ServedList), ServedList.served_at >= since, ServedList.served_at < until)
        group = (ServedList.release_id, ServedList.strategy)
        totals = select(*group, func.count(), func.sum(ServedList.n_items)).where(*window).group_by(*group)
        same = and_(Event.tenant_id == ServedList.tenant_id, Event.recommendation_id == ServedList.recommendation_id)
        named = (
            select(*group, ServedList.recommendation_id, ServedList.items, Event.item_id, Event.type)
            .join(Event, same)
            .where(*window, Event.type.in_(sorted(CLICKS | TAKES)))
        )
        async with self._database.reading() as connection:
            served = (await connection.execute(totals.order_by(*group))).all()
            acted = _acted(await connection.execute(named))
        return [_counts(row, acted) for row in served]


async def _keys(connection: AsyncConnection, users: Collection[tuple[int, str]]) -> dict[tuple[int, str | None], str]:
    """Give the keys of the stored ones among users, who stay stored until the transaction ends.

    So somebody who is erased while their list waited is in no row: either we see that they are gone, or their erasure
    waits for us and takes our rows along.
    """
    found: dict[tuple[int, str | None], str] = {}
    for tenant in sorted({tenant for tenant, _ in users}):
        for chunk in chunked(sorted(user_id for of, user_id in users if of == tenant)):
            statement = select(User.user_id).where(User.tenant_id == tenant, User.user_id.in_(chunk))
            kept = await connection.execute(statement.with_for_update(read=True, key_share=True))
            found |= {(tenant, user_id): user_key(tenant, user_id) for user_id in kept.scalars()}
    return found


def _row(served: Served, key: str) -> dict[str, Any]:
    values = {name: getattr(served, name) for name in Served.__slots__ if name != "user_id"}
    return values | {"user_key": key, "items": list(served.items), "n_items": len(served.items)}


async def forget(connection: AsyncConnection, user_id: str) -> int:
    """Delete the lists of a user of the current tenant, within a transaction; gives how many there were."""
    theirs = ServedList.user_key == user_key(current_tenant(), user_id)
    return (await connection.execute(delete(ServedList).where(mine(ServedList), theirs))).rowcount


Key = tuple[str, str, str]
"""Release, strategy, and `clicked` or `taken`."""


def _acted(rows: Iterable[Any]) -> dict[Key, set[tuple[str, str]]]:
    """Give the pairs of list and item that events speak of. An item that was not in the list is nobody's success."""
    found: defaultdict[Key, set[tuple[str, str]]] = defaultdict(set)
    for release_id, strategy, recommendation_id, items, item_id, kind in rows:
        if item_id in items:
            found[release_id, strategy, "clicked" if kind in CLICKS else "taken"].add((recommendation_id, item_id))
    return dict(found)


def _counts(row: Any, acted: dict[Key, set[tuple[str, str]]]) -> OnlineCounts:
    release_id, strategy, lists, items = row
    clicked = acted.get((release_id, strategy, "clicked"), set())
    taken = acted.get((release_id, strategy, "taken"), set())
    return OnlineCounts(
        release_id,
        strategy,
        lists,
        int(items or 0),
        lists_clicked=len({recommendation_id for recommendation_id, _ in clicked}),
        items_clicked=len(clicked),
        lists_taken=len({recommendation_id for recommendation_id, _ in taken}),
        items_taken=len(taken),
    )
