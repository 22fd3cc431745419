"""Which release is active, for every process that shares the database."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.db.serving import ATTEMPTS, activate, in_utc
from app.db.session import Database
from app.db.tables import Release, mine
from app.db.upsert import upsert
from app.stored import ReleaseRow


class ReleaseRepository:
    """Implements `app.stored.ReleaseRows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> str | None:
        """Give the id of the active release."""
        async with self._database.reading() as connection:
            statement = select(Release.release_id).where(mine(Release), Release.is_active)
            return (await connection.execute(statement)).scalar_one_or_none()

    async def activate(self, release_id: str) -> None:
        """Make a release the only active one, and end a running experiment; of two at once, the later commit wins."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.writing() as connection:
                    await activate(connection, release_id)
            except IntegrityError:
                # Another process activated between our statements on PostgreSQL: see its row, then try again.
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    async def refuse(self, release_id: str, problem: str) -> None:
        """Note why a release was refused."""
        async with self._database.writing() as connection:
            await connection.execute(self._upsert({"release_id": release_id, "problem": problem}))

    async def list(self) -> list[ReleaseRow]:
        """Give all rows, by id."""
        columns = (Release.release_id, Release.activated_at, Release.is_active, Release.problem)
        statement = select(*columns).where(mine(Release)).order_by(Release.release_id)
        async with self._database.reading() as connection:
            rows = await connection.execute(statement)
            return [ReleaseRow(row[0], row[1] and in_utc(row[1]), row[2], row[3]) for row in rows]

    def _upsert(self, row: dict[str, Any]) -> Any:
        statement = upsert(self._database.dialect, Release).values(row)
        changed = {name: statement.excluded[name] for name in row if name != "release_id"}
        return statement.on_conflict_do_update(index_elements=[Release.tenant_id, Release.release_id], set_=changed)
