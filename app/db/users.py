"""Users and their histories."""

from sqlalchemy import select

from app.db.session import Database
from app.db.tables import Interaction, User


class UserRepository:
    """Implements `app.stored.Users`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history_version(self, user_id: str) -> int | None:
        """Give the version of the user's history; None if the user is not stored."""
        async with self._database.reading() as connection:
            statement = select(User.history_version).where(User.user_id == user_id)
            return (await connection.execute(statement)).scalar_one_or_none()

    async def history(self, user_id: str) -> list[str]:
        """Give the items the user met, newest first; items without a time come last, ties by item id."""
        statement = (
            select(Interaction.item_id)
            .where(Interaction.user_id == user_id)
            .order_by(Interaction.timestamp.desc().nulls_last(), Interaction.item_id)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(statement)).scalars())
