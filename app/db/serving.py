"""Which releases answer whom: the chain of activations, and the experiment that runs, if any."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.operation_tables import Activation, Experiment
from app.db.session import Database
from app.db.tables import Release, mine
from app.db.upsert import upsert
from app.stored_operations import ExperimentRow, ServingRow

ATTEMPTS = 5
"""Two processes that activate at once on PostgreSQL meet in an index: one of them sees the other, and tries again."""


class ServingRepository:
    """Implements `app.stored_operations.ServingRows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def serving(self) -> dict[int, ServingRow]:
        """Give what answers, for every tenant."""
        active = select(Release.tenant_id, Release.release_id).where(Release.is_active)
        running = select(Experiment).where(Experiment.ended_at.is_(None))
        async with self._database.reading() as connection:
            experiments = {row.tenant_id: _experiment(row) for row in await connection.execute(running)}
            rows = (await connection.execute(active)).all()
        return {row.tenant_id: ServingRow(row.release_id, experiments.get(row.tenant_id)) for row in rows}

    async def former(self) -> str | None:
        """Give the release that a rollback comes back to."""
        async with self._database.reading() as connection:
            row = await _former(connection)
        return None if row is None else str(row.release_id)

    async def roll_back(self, release_id: str) -> bool:
        """Make the former release the active one."""
        async with self._database.writing() as connection:
            await lock(connection)
            row = await _former(connection)
            if row is None or row.release_id != release_id:
                return False
            await end_running(connection)
            await make_active(connection, release_id)
            await _append(connection, release_id, row.former)
            return True

    async def start_experiment(self, experiment: ExperimentRow) -> None:
        """Start an experiment, with its first release active."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.writing() as connection:
                    await activate(connection, experiment.release_a)
                    values = {name: getattr(experiment, name) for name in ExperimentRow.__slots__}
                    await connection.execute(insert(Experiment).values(values))
            except IntegrityError:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    async def end_experiment(self) -> ExperimentRow | None:
        """End the running experiment."""
        async with self._database.writing() as connection:
            return await end_running(connection)


async def activate(connection: AsyncConnection, release_id: str) -> None:
    """Make a release the only one that answers, within a transaction; a running experiment ends.

    A release that is active already joins the chain no second time: a rollback would come back to itself.
    """
    await lock(connection)
    await end_running(connection)
    newest = await _newest(connection)
    await make_active(connection, release_id)
    if newest is None or newest.release_id != release_id:
        await _append(connection, release_id, None if newest is None else newest.id)


async def lock(connection: AsyncConnection) -> None:
    """Let one transaction after the other change the chain; on SQLite, writing transactions do so anyway."""
    await connection.execute(select(Release.release_id).where(mine(Release), Release.is_active).with_for_update())


async def make_active(connection: AsyncConnection, release_id: str) -> None:
    """Move the mark of the active release, within a transaction."""
    others = update(Release).where(mine(Release), Release.is_active, Release.release_id != release_id)
    await connection.execute(others.values(is_active=False))
    row = {"release_id": release_id, "activated_at": datetime.now(UTC), "is_active": True, "problem": None}
    statement: Any = upsert(connection.dialect.name, Release).values(row)
    changed = {name: statement.excluded[name] for name in row if name != "release_id"}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[Release.tenant_id, Release.release_id], set_=changed)
    )


async def end_running(connection: AsyncConnection) -> ExperimentRow | None:
    """End the running experiment, within a transaction."""
    running = select(Experiment).where(mine(Experiment), Experiment.ended_at.is_(None)).with_for_update()
    row = (await connection.execute(running)).one_or_none()
    if row is None:
        return None
    ended = datetime.now(UTC)
    only = Experiment.experiment_id == row.experiment_id
    await connection.execute(update(Experiment).where(mine(Experiment), only).values(ended_at=ended))
    return _experiment(row, ended)


async def _newest(connection: AsyncConnection) -> Any:
    statement = select(Activation.id, Activation.release_id, Activation.former).where(mine(Activation))
    return (await connection.execute(statement.order_by(Activation.id.desc()).limit(1))).one_or_none()


async def _former(connection: AsyncConnection) -> Any:
    newest = await _newest(connection)
    if newest is None or newest.former is None:
        return None
    statement = select(Activation.id, Activation.release_id, Activation.former)
    return (await connection.execute(statement.where(mine(Activation), Activation.id == newest.former))).one()


async def _append(connection: AsyncConnection, release_id: str, former: int | None) -> None:
    values = {"release_id": release_id, "former": former, "activated_at": datetime.now(UTC)}
    await connection.execute(insert(Activation).values(values))


def _experiment(row: Any, ended_at: datetime | None = None) -> ExperimentRow:
    return ExperimentRow(row.experiment_id, row.release_a, row.release_b, row.share, in_utc(row.started_at), ended_at)


def in_utc(time: datetime) -> datetime:
    """SQLite keeps no time zone: what was written in UTC comes back without one."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
