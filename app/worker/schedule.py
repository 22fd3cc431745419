"""Jobs that nobody has to ask for: queued when enough new events came, and the last one is long enough ago."""

import logging
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from app.db.jobs import JobRepository
from app.db.operation_tables import TrainingJob
from app.db.serving import in_utc
from app.db.session import Database
from app.db.tables import Event, Tenant, mine
from app.errors import JobConflict
from app.settings import Settings
from app.stored_operations import DATABASE, JobRequest
from app.tenancy import of_tenant

_log = logging.getLogger(__name__)


class Schedule:
    """Looks at every tenant's events. Several workers may do so: the table lets one job in."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def look(self) -> list[str]:
        """Queue what is due; gives the ids of the jobs."""
        if not self._settings.retrain_events:
            return []
        async with self._database.reading() as connection:
            tenants = (await connection.execute(select(Tenant.tenant_id).order_by(Tenant.tenant_id))).scalars().all()
        queued = []
        for tenant in tenants:
            with of_tenant(tenant):
                if await self._due():
                    queued += await self._queue()
        return queued

    async def _due(self) -> bool:
        """Whether enough came since the last job on the database, however that ended.

        An erased person takes their events along: then fewer stand there than before, and counting begins anew.
        """
        last = select(TrainingJob.events, TrainingJob.created_at).where(mine(TrainingJob), TrainingJob.data == DATABASE)
        counted = select(func.count()).select_from(Event).where(mine(Event))
        async with self._database.reading() as connection:
            job = (await connection.execute(last.order_by(TrainingJob.created_at.desc()).limit(1))).one_or_none()
            if job is not None and datetime.now(UTC) - in_utc(job.created_at) < self._pause:
                return False
            events = (await connection.execute(counted)).scalar_one()
        return events - (0 if job is None else min(job.events, events)) >= self._settings.retrain_events

    @property
    def _pause(self) -> timedelta:
        return timedelta(seconds=self._settings.retrain_seconds)

    async def _queue(self) -> list[str]:
        settings, job_id = self._settings, uuid.uuid4().hex
        request = JobRequest(
            None, settings.retrain_preset, activate=settings.retrain_activate, max_drop=settings.retrain_max_drop
        )
        try:
            await JobRepository(self._database).add(job_id, request, "schedule")
        except JobConflict:
            return []
        _log.info("enough new events: a training job is queued", extra={"job": job_id})
        return [job_id]
