"""Releases: list and activate."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import ReleaseManagerDep
from app.errors import ReleaseRefused, StorageUnavailable, UnknownRelease
from app.routers.problems import problems
from app.schemas.ids import ReleaseId
from app.schemas.releases import ActivationBody, ReleaseList
from app.schemas.strict import NoParameters

router = APIRouter(tags=["operations"])


@router.get("/releases", responses=problems(StorageUnavailable))
async def list_releases(_none: Annotated[NoParameters, Query()], service: ReleaseManagerDep) -> ReleaseList:
    """List the releases on disk, newest first; the active one is marked, broken ones are told with their problem."""
    return ReleaseList.of(await service.list())


@router.post("/releases/{release_id}/activate", responses=problems(UnknownRelease, ReleaseRefused, StorageUnavailable))
async def activate_release(
    release_id: ReleaseId, _none: Annotated[NoParameters, Query()], service: ReleaseManagerDep
) -> ActivationBody:
    """Check a release as a whole and answer with it from now on; requests in flight finish with the one before.

    A release that fails its check is refused, and the active one goes on serving. Other processes follow within
    seconds.
    """
    return ActivationBody.of(await service.activate(release_id))
