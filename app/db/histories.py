"""Histories of many users at once."""

from collections.abc import Collection

from sqlalchemy import and_, select

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Interaction, Item, User, mine
from app.stored import History


class HistoryRepository:
    """Implements `app.stored.Histories`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def histories(self, user_ids: Collection[str]) -> dict[str, History]:
        """Give the histories of stored users, newest first; items without a time come last, ties by item id."""
        met: dict[str, list[str]] = {}
        times: dict[str, list[int]] = {}
        disliked: dict[str, list[str]] = {}
        async with self._database.reading() as connection:
            for chunk in chunked(dict.fromkeys(user_ids)):
                statement = _HISTORIES.where(mine(User), User.user_id.in_(chunk))
                for user_id, item_id, is_disliked, time in (await connection.execute(statement)).all():
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
