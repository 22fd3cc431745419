"""Training jobs: asked for by anybody, taken by one worker at a time, kept by a lease."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.db.clock import seconds_now
from app.db.operation_tables import TrainingJob
from app.db.serving import in_utc
from app.db.session import Database
from app.db.tables import Event, mine
from app.errors import JobConflict
from app.stored_operations import Beat, Cause, JobRequest, JobRow, JobState

UNFINISHED = ("queued", "running")
_JOBS = TrainingJob.__table__


class JobRepository:
    """Implements `app.stored_operations.Jobs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, job_id: str, request: JobRequest, cause: Cause) -> JobRow:
        """Queue a job; the partial unique index decides between two at the same moment."""
        events = select(func.count()).select_from(Event).where(mine(Event)).scalar_subquery()
        values = {
            "job_id": job_id,
            "data": request.data,
            "cause": cause,
            "request": _stored(request),
            "events": events,
            "created_at": datetime.now(UTC),
        }
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(TrainingJob).values(values))
        except IntegrityError as error:
            raise JobConflict(await self._unfinished(request.data) or "?") from error
        row = await self.get(job_id)
        assert row is not None, "a job that was just stored"
        return row

    async def get(self, job_id: str) -> JobRow | None:
        """Give a job."""
        statement = select(_JOBS).where(mine(TrainingJob), TrainingJob.job_id == job_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else _job(row)

    async def list(self, limit: int) -> Sequence[JobRow]:
        """Give the newest jobs, newest first."""
        order = (TrainingJob.created_at.desc(), TrainingJob.job_id)
        statement = select(_JOBS).where(mine(TrainingJob)).order_by(*order).limit(limit)
        async with self._database.reading() as connection:
            return [_job(row) for row in await connection.execute(statement)]

    async def cancel(self, job_id: str) -> JobRow | None:
        """End a queued job, or ask its worker to."""
        only = and_(mine(TrainingJob), TrainingJob.job_id == job_id)
        ended = {"state": "cancelled", "finished_at": datetime.now(UTC)}
        async with self._database.writing() as connection:
            queued = update(TrainingJob).where(only, TrainingJob.state == "queued")
            running = update(TrainingJob).where(only, TrainingJob.state == "running")
            await connection.execute(queued.values(cancel_requested=True, **ended))
            await connection.execute(running.values(cancel_requested=True))
        return await self.get(job_id)

    async def _unfinished(self, data: str) -> str | None:
        conditions = (mine(TrainingJob), TrainingJob.data == data, TrainingJob.state.in_(UNFINISHED))
        async with self._database.reading() as connection:
            found: str | None = (await connection.execute(select(TrainingJob.job_id).where(*conditions))).scalar()
        return found


class QueueRepository:
    """Implements `app.stored_operations.JobQueue`, for all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, token: str, lease_seconds: float) -> JobRow | None:
        """Take the oldest job that waits; of two workers at once, PostgreSQL lets the second take the next one."""
        now = seconds_now(self._database.dialect)
        orphaned = and_(TrainingJob.state == "running", TrainingJob.lease_until < now)
        waiting = select(TrainingJob.job_id).where(or_(TrainingJob.state == "queued", orphaned))
        oldest = waiting.order_by(TrainingJob.created_at, TrainingJob.job_id).limit(1)
        async with self._database.writing() as connection:
            job_id = (await connection.execute(oldest.with_for_update(skip_locked=True))).scalar()
            if job_id is None:
                return None
            changes = {
                "state": "running",
                "claim": token,
                "lease_until": now + lease_seconds,
                "attempts": TrainingJob.attempts + 1,
                "started_at": func.coalesce(TrainingJob.started_at, datetime.now(UTC)),
            }
            await connection.execute(update(TrainingJob).where(TrainingJob.job_id == job_id).values(changes))
            return _job((await connection.execute(select(_JOBS).where(_JOBS.c.job_id == job_id))).one())

    async def beat(self, job_id: str, token: str, lease_seconds: float, progress: Mapping[str, Any] | None) -> Beat:
        """Keep a job, and tell how far it is."""
        lease = seconds_now(self._database.dialect) + lease_seconds
        values = {"lease_until": lease} | ({} if progress is None else {"progress": dict(progress)})
        kept = update(TrainingJob).where(*self._own(job_id, token)).values(values)
        async with self._database.writing() as connection:
            row = (await connection.execute(kept.returning(TrainingJob.cancel_requested))).one_or_none()
        return "lost" if row is None else "cancel" if row.cancel_requested else "go_on"

    async def finish(self, job_id: str, token: str, state: JobState, outcome: Mapping[str, Any]) -> bool:
        """Note how a job ended."""
        values = {"state": state, "outcome": dict(outcome), "finished_at": datetime.now(UTC), "lease_until": None}
        ended = update(TrainingJob).where(*self._own(job_id, token)).values(values).returning(TrainingJob.job_id)
        async with self._database.writing() as connection:
            return (await connection.execute(ended)).one_or_none() is not None

    async def give_back(self, job_id: str, token: str) -> None:
        """Queue a job again; this try does not count against it."""
        values = {"state": "queued", "claim": None, "lease_until": None, "attempts": TrainingJob.attempts - 1}
        async with self._database.writing() as connection:
            await connection.execute(update(TrainingJob).where(*self._own(job_id, token)).values(values))

    @staticmethod
    def _own(job_id: str, token: str) -> tuple[Any, ...]:
        return (TrainingJob.job_id == job_id, TrainingJob.claim == token, TrainingJob.state == "running")


def _stored(request: JobRequest) -> dict[str, Any]:
    """Give a request as JSON; what it leaves open is left out, so that workers of an older version read it."""
    return {name: value for name, value in asdict(request).items() if (name, value) != ("refit", None)}


def _job(row: Any) -> JobRow:
    values: dict[str, Any] = row._asdict()
    values |= {name: values[name] and in_utc(values[name]) for name in ("created_at", "started_at", "finished_at")}
    values["request"] = JobRequest(**values["request"])
    return JobRow(**{name: values[name] for name in JobRow.__slots__})
