"""Releases: list, compare, activate, roll back, and two side by side."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import ReleaseManagerDep
from app.errors import (
    InvalidQuery,
    NoActiveRelease,
    NoExperiment,
    NoFormerRelease,
    ReleaseRefused,
    StorageUnavailable,
    UnknownRelease,
)
from app.operations import ComparisonServiceDep
from app.routers.problems import problems
from app.schemas.ids import ReleaseId
from app.schemas.releases import (
    ActivationBody,
    DiffBody,
    DiffParameters,
    EvaluationBody,
    ExperimentBody,
    ExperimentOrder,
    ReleaseList,
)
from app.schemas.strict import NoParameters

router = APIRouter(tags=["operations"])
_None = Annotated[NoParameters, Query()]


@router.get("/releases", responses=problems(StorageUnavailable))
async def list_releases(_none: _None, service: ReleaseManagerDep) -> ReleaseList:
    """List the releases on disk, newest first; the active one is marked, broken ones are told with their problem."""
    return ReleaseList.of(await service.list())


@router.post(
    "/releases/rollback", responses=problems(NoFormerRelease, UnknownRelease, ReleaseRefused, StorageUnavailable)
)
async def roll_back(_none: _None, service: ReleaseManagerDep) -> ActivationBody:
    """Answer again with the release that was active before; called again, with the one before that.

    Its answers are those it gave before. A running experiment ends. If the former release is gone or fails its
    check, nothing changes.
    """
    return ActivationBody.of(await service.roll_back())


@router.get("/releases/ab", responses=problems(NoExperiment))
async def read_experiment(_none: _None, service: ReleaseManagerDep) -> ExperimentBody:
    """Give the experiment that runs in this process; other processes follow within seconds."""
    experiment = service.experiment()
    if experiment is None:
        raise NoExperiment
    return ExperimentBody.of(experiment)


@router.post(
    "/releases/ab",
    responses=problems(InvalidQuery, NoActiveRelease, UnknownRelease, ReleaseRefused, StorageUnavailable),
)
async def start_experiment(order: ExperimentOrder, _none: _None, service: ReleaseManagerDep) -> ExperimentBody:
    """Answer a share of the users with a second release; a running experiment ends first.

    Users are dealt by a hash of their id and of the experiment, the same in every process. `a` becomes the active
    release. `GET /evaluation/online` splits what users did by the release that answered.
    """
    return ExperimentBody.of(await service.start_experiment(order.a, order.b, order.share))


@router.delete("/releases/ab", responses=problems(NoExperiment, StorageUnavailable))
async def end_experiment(_none: _None, service: ReleaseManagerDep) -> ExperimentBody:
    """End the experiment: the active release answers everybody again. Activating or rolling back ends it, too."""
    return ExperimentBody.of(await service.end_experiment())


@router.post("/releases/{release_id}/activate", responses=problems(UnknownRelease, ReleaseRefused, StorageUnavailable))
async def activate_release(release_id: ReleaseId, _none: _None, service: ReleaseManagerDep) -> ActivationBody:
    """Check a release as a whole and answer with it from now on; requests in flight finish with the one before.

    A release that fails its check is refused, and the active one goes on serving. Other processes follow within
    seconds. A running experiment ends.
    """
    return ActivationBody.of(await service.activate(release_id))


@router.get("/releases/{release_id}/diff", responses=problems(UnknownRelease, NoActiveRelease, StorageUnavailable))
async def diff_releases(
    release_id: ReleaseId, parameters: Annotated[DiffParameters, Query()], service: ComparisonServiceDep
) -> DiffBody:
    """Hold the figures of a release against those of another, or of the active one."""
    return DiffBody.of(await service.compare(release_id, parameters.against))


@router.get("/evaluation", responses=problems(NoActiveRelease))
async def read_evaluation(_none: _None, service: ComparisonServiceDep) -> EvaluationBody:
    """Give the offline evaluation of the active release: how it was measured, and every figure."""
    return EvaluationBody.of(await service.evaluation())
