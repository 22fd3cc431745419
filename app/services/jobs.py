"""Training jobs: asked for, looked at, cancelled. They run in worker processes (`python -m app worker`)."""

import uuid
from collections.abc import Sequence

from app.errors import JobFinished, UnknownJob
from app.stored_operations import JobRequest, JobRow, Jobs

_ENDED = frozenset({"succeeded", "failed"})


class JobService:
    """What callers may do with training jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def start(self, request: JobRequest) -> JobRow:
        """Queue a job for the next worker that is free.

        Raises:
            JobConflict: one for the same data has not ended.
            StorageUnavailable: nothing has been queued.
        """
        return await self._jobs.add(uuid.uuid4().hex, request, "call")

    async def get(self, job_id: str) -> JobRow:
        """Give a job.

        Raises:
            UnknownJob: there is none of this id.
        """
        return _known(job_id, await self._jobs.get(job_id))

    async def list(self, limit: int) -> Sequence[JobRow]:
        """Give the newest jobs, newest first."""
        return await self._jobs.list(limit)

    async def cancel(self, job_id: str) -> JobRow:
        """End a job, or ask its worker to; cancelling twice is no mistake.

        Raises:
            UnknownJob: there is none of this id.
            JobFinished: it has succeeded or failed already.
        """
        job = _known(job_id, await self._jobs.cancel(job_id))
        if job.state in _ENDED:
            raise JobFinished(job_id, job.state)
        return job


def _known(job_id: str, job: JobRow | None) -> JobRow:
    if job is None:
        raise UnknownJob(job_id)
    return job
