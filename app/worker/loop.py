"""The worker: takes one job after the other, until it is told to end."""

import asyncio
import logging
import uuid
from contextlib import suppress

from app.db.jobs import QueueRepository
from app.db.session import Database
from app.errors import StorageUnavailable
from app.ports import ReleaseStore
from app.settings import Settings
from app.stored_operations import JobRow
from app.worker.job import Tools, TrainingRun
from app.worker.process import Occupied
from app.worker.schedule import Schedule

_log = logging.getLogger(__name__)


class Worker:
    """One process that runs training jobs, one at a time."""

    def __init__(self, settings: Settings, database: Database, store: ReleaseStore) -> None:
        self._settings = settings
        self._queue = QueueRepository(database)
        self._database = database
        self._store = store
        self._schedule = Schedule(settings, database)

    async def work_on(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. A job that runs then is given back: another worker goes on with it at once."""
        while not stop.is_set():
            worked = False
            try:
                await self._schedule.look()
                worked = await self.work_once(stop)
            except StorageUnavailable:
                pass  # The database's own log line says why.
            except Exception:
                _log.exception("the worker goes on after an error")
            if not worked:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.job_poll_seconds):
                        await stop.wait()

    async def work_once(self, stop: asyncio.Event) -> bool:
        """Run one job if one waits; gives whether one did."""
        token = uuid.uuid4().hex
        job = await self._queue.claim(token, self._settings.job_lease_seconds)
        if job is None:
            return False
        _log.info("a training job is taken", extra={"job": job.job_id, "attempt": job.attempts})
        tools = Tools(self._settings, self._database, self._queue, self._store, token)
        work = asyncio.create_task(TrainingRun(job, tools).run())
        told = asyncio.create_task(stop.wait())
        await asyncio.wait([work, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
        await self._settle(job, token, work)
        return True

    async def _settle(self, job: JobRow, token: str, work: "asyncio.Task[None]") -> None:
        """Give a job back that this worker could not end; note a bug of ours as such."""
        if work.cancelled():
            await self._queue.give_back(job.job_id, token)
            return
        error = work.exception()
        if error is None:
            return
        if isinstance(error, StorageUnavailable | Occupied):
            # Its lease runs out, and then it is taken again.
            _log.warning("a training job waits", extra={"job": job.job_id, "reason": str(error)})
            return
        _log.error("a training job failed within the worker", extra={"job": job.job_id}, exc_info=error)
        told = {"code": "internal_error", "message": f"an error of the worker ({type(error).__name__}); see its log"}
        await self._queue.finish(job.job_id, token, "failed", {"error": told | {"exit_code": None}})
