"""The parts that run the service rather than answer people, joined; and what a route may ask of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.db.jobs import JobRepository
from app.db.served import ServedRepository
from app.db.session import Database
from app.metrics import Metrics
from app.services.comparison import ComparisonService
from app.services.jobs import JobService
from app.services.online import OnlineService
from app.services.releases import ReleaseManager
from app.services.served import ServedLog
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Operations:
    """The parts of a running service that its operators use."""

    comparison: ComparisonService
    jobs: JobService
    online: OnlineService


def served_log(settings: Settings, database: Database, metrics: Metrics) -> ServedLog:
    """Make the log of what is recommended."""
    return ServedLog(
        ServedRepository(database),
        metrics,
        settings.served_log_queue,
        settings.served_log_days,
        settings.served_log_lists,
    )


@asynccontextmanager
async def running_operations(
    database: Database, releases: ReleaseManager, served: ServedLog
) -> AsyncIterator[Operations]:
    """Start what works in the background, and stop it at the end."""
    served.start()
    try:
        yield Operations(
            ComparisonService(releases), JobService(JobRepository(database)), OnlineService(ServedRepository(database))
        )
    finally:
        await served.stop()


def _operations(request: Request) -> Operations:
    operations = request.app.state.operations
    assert isinstance(operations, Operations), "the lifespan has not started"
    return operations


_OperationsDep = Annotated[Operations, Depends(_operations)]


def _comparison(operations: _OperationsDep) -> ComparisonService:
    return operations.comparison


def _jobs(operations: _OperationsDep) -> JobService:
    return operations.jobs


def _online(operations: _OperationsDep) -> OnlineService:
    return operations.online


ComparisonServiceDep = Annotated[ComparisonService, Depends(_comparison)]
JobServiceDep = Annotated[JobService, Depends(_jobs)]
OnlineServiceDep = Annotated[OnlineService, Depends(_online)]
