"""Health, for probes. Unknown parameters are let through here: a probe's cache buster must not fail it."""

from fastapi import APIRouter

from app.dependencies import HealthServiceDep
from app.errors import NotReady
from app.routers.problems import problems
from app.schemas.health import Liveness, ReadinessBody

router = APIRouter(prefix="/health", tags=["operations"])


@router.get("/live", responses={500: problems()[500]})
async def live() -> Liveness:
    """Tell that the process answers; nothing else is looked at."""
    return Liveness()


@router.get("/ready", responses={k: v for k, v in problems(NotReady).items() if k != 422})
async def ready(service: HealthServiceDep) -> ReadinessBody:
    """Tell whether release, database and schema are usable, or which are missing. Redis away is not a reason."""
    readiness = await service.check()
    return ReadinessBody(release=readiness.release, degraded=list(readiness.degraded), rebuilt=dict(readiness.rebuilt))
