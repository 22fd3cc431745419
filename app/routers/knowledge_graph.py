"""The knowledge graph."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import CompletionServiceDep
from app.errors import (
    InvalidQuery,
    NoActiveRelease,
    NotInRelease,
    Overloaded,
    StorageUnavailable,
    UnknownEntity,
    UnknownRelation,
)
from app.routers.problems import problems
from app.schemas.completions import CompletionList, CompletionParameters

router = APIRouter(tags=["knowledge graph"])


@router.get(
    "/kg/complete",
    responses=problems(
        UnknownEntity, UnknownRelation, NotInRelease, InvalidQuery, NoActiveRelease, StorageUnavailable, Overloaded
    ),
)
async def complete_fact(
    parameters: Annotated[CompletionParameters, Query()], service: CompletionServiceDep
) -> CompletionList:
    """Rank what may complete a fact of which two parts are given: the tail, the head, or the relation."""
    result = await service.complete(
        parameters.query(), parameters.limit, parameters.include_known, parameters.type_check
    )
    return CompletionList.of(result)
