"""Training jobs, and what people did with recommendations."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import InvalidQuery, JobConflict, JobFinished, StorageUnavailable, UnknownJob
from app.operations import JobServiceDep, OnlineServiceDep
from app.routers.problems import problems
from app.schemas.jobs import JobBody, JobId, JobList, JobListParameters, JobOrder
from app.schemas.online import OnlineBody, OnlineParameters
from app.schemas.strict import NoParameters

router = APIRouter(tags=["operations"])
_None = Annotated[NoParameters, Query()]


@router.post("/training-jobs", status_code=202, responses=problems(JobConflict, StorageUnavailable))
async def start_job(order: JobOrder, _none: _None, service: JobServiceDep) -> JobBody:
    """Queue a training job. A worker trains, makes a release, holds it against the active one, and may activate it.

    Workers are processes of their own (`python -m app worker`). A job whose worker dies goes on in the next one from
    its last finished epoch. Only one job at a time trains on the same data.
    """
    return JobBody.of(await service.start(order.request()))


@router.get("/training-jobs", responses=problems(StorageUnavailable))
async def list_jobs(parameters: Annotated[JobListParameters, Query()], service: JobServiceDep) -> JobList:
    """List the newest training jobs, newest first."""
    return JobList.of(await service.list(parameters.limit))


@router.get("/training-jobs/{job_id}", responses=problems(UnknownJob, StorageUnavailable))
async def read_job(job_id: JobId, _none: _None, service: JobServiceDep) -> JobBody:
    """Give a training job: how far it is, epoch by epoch, and what came of it."""
    return JobBody.of(await service.get(job_id))


@router.post("/training-jobs/{job_id}/cancel", responses=problems(UnknownJob, JobFinished, StorageUnavailable))
async def cancel_job(job_id: JobId, _none: _None, service: JobServiceDep) -> JobBody:
    """End a training job: a queued one at once, a running one within seconds. Cancelling twice is no mistake."""
    return JobBody.of(await service.cancel(job_id))


@router.get("/evaluation/online", responses=problems(InvalidQuery, StorageUnavailable))
async def read_online(parameters: Annotated[OnlineParameters, Query()], service: OnlineServiceDep) -> OnlineBody:
    """Give click-through by release and strategy: lists served, and events that carry their `recommendation_id`."""
    return OnlineBody.of(await service.report(parameters.since, parameters.until))
