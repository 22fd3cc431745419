"""Users and their histories."""

from sqlalchemy import and_, func, select

from app.db.session import Database
from app.db.tables import Interaction, Item, Stamp, User, mine


class UserRepository:
    """Implements `app.stored.Users`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history_version(self, user_id: str) -> int | None:
        """Give the number that grows with each change of what the user's lists depend on; None if not stored.

        That is the history, and all that the stamps tell of. Each grows by itself alone, so does their sum; and a
        person who was erased and comes again finds no answer from before.
        """
        stamps = select(func.coalesce(func.sum(Stamp.value), 0)).where(mine(Stamp)).scalar_subquery()
        statement = select(User.history_version + stamps).where(mine(User), User.user_id == user_id)
        async with self._database.reading() as connection:
            version = (await connection.execute(statement)).scalar_one_or_none()
            # PostgreSQL sums big integers to a decimal.
            return None if version is None else int(version)

    async def history(self, user_id: str) -> list[str]:
        """Give the items the user met, newest first; items without a time come last, ties by item id."""
        same_item = and_(Item.tenant_id == Interaction.tenant_id, Item.item_id == Interaction.item_id)
        statement = (
            select(Interaction.item_id)
            .join(Item, same_item)
            .where(mine(Interaction), Interaction.user_id == user_id, Item.deleted_at.is_(None))
            .order_by(Interaction.timestamp.desc().nulls_last(), Interaction.item_id)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(statement)).scalars())

    async def disliked(self, user_id: str) -> frozenset[str]:
        """Give the items of the history that the user does not want."""
        statement = select(Interaction.item_id).where(
            mine(Interaction), Interaction.user_id == user_id, Interaction.disliked.is_(True)
        )
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(statement)).scalars())
