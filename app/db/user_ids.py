"""Who is stored, in pieces: for work that goes through everybody, on several machines, and may be broken off."""

from sqlalchemy import func, select

from app.db.session import Database
from app.db.tables import User, mine


class UserIds:
    """The ids of the current tenant's users, in the order of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bounds(self, size: int) -> list[str]:
        """Give every `size`-th id: each piece ends with one, and what comes after the last is a piece, too."""
        numbered = select(User.user_id, func.row_number().over(order_by=User.user_id).label("n")).where(mine(User))
        pieces = numbered.subquery()
        statement = select(pieces.c.user_id).where(pieces.c.n % size == 0).order_by(pieces.c.n)
        async with self._database.reading() as connection:
            return list((await connection.execute(statement)).scalars())

    async def between(self, after: str | None, until: str | None) -> list[str]:
        """Give the ids after one and up to another; None leaves that side open."""
        statement = select(User.user_id).where(mine(User)).order_by(User.user_id)
        if after is not None:
            statement = statement.where(User.user_id > after)
        if until is not None:
            statement = statement.where(User.user_id <= until)
        async with self._database.reading() as connection:
            return list((await connection.execute(statement)).scalars())
