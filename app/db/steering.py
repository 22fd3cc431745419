"""Steering, stored, with a version of its own for each user."""

from collections.abc import Collection

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Relation, Steering, User, mine
from app.db.upsert import upsert
from app.errors import UnknownRelation, UnknownUser
from app.steering import NEUTRAL


class SteeringRepository:
    """Implements `app.steering.Steerings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_ids: Collection[str]) -> dict[str, dict[str, float]]:
        """Give the multipliers of users."""
        found: dict[str, dict[str, float]] = {}
        async with self._database.reading() as connection:
            for chunk in chunked(user_ids):
                columns = (Steering.user_id, Steering.relation_id, Steering.multiplier)
                statement = select(*columns).where(mine(Steering), Steering.user_id.in_(chunk))
                for user_id, relation_id, multiplier in await connection.execute(statement):
                    found.setdefault(user_id, {})[relation_id] = multiplier
        return found

    async def put(self, user_id: str, relation_id: str, multiplier: float) -> None:
        """Set a multiplier; 1 is the state without a row."""
        async with self._database.writing() as connection:
            await _change(connection, user_id, relation_id)
            if multiplier == NEUTRAL:
                await _remove(connection, user_id, relation_id)
                return
            statement = upsert(connection.dialect.name, Steering).values(
                user_id=user_id, relation_id=relation_id, multiplier=multiplier
            )
            key = [Steering.tenant_id, Steering.user_id, Steering.relation_id]
            await connection.execute(
                statement.on_conflict_do_update(index_elements=key, set_={"multiplier": multiplier})
            )

    async def delete(self, user_id: str, relation_id: str) -> bool:
        """Set a multiplier back to 1."""
        async with self._database.writing() as connection:
            await _change(connection, user_id, relation_id)
            return await _remove(connection, user_id, relation_id)


async def _change(connection: AsyncConnection, user_id: str, relation_id: str) -> None:
    """Raise the version, which locks the user: who is being erased meanwhile gets no row any more."""
    changed = {"preference_version": User.preference_version + 1}
    statement = update(User).where(mine(User), User.user_id == user_id).values(changed)
    if (await connection.execute(statement)).rowcount == 0:
        raise UnknownUser(user_id)
    known = select(Relation.relation_id).where(mine(Relation), Relation.relation_id == relation_id)
    if (await connection.execute(known)).first() is None:
        raise UnknownRelation(relation_id)


async def _remove(connection: AsyncConnection, user_id: str, relation_id: str) -> bool:
    those = (mine(Steering), Steering.user_id == user_id, Steering.relation_id == relation_id)
    return (await connection.execute(delete(Steering).where(*those))).rowcount > 0
