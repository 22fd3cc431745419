"""Recommendations: for one user, and for many by one call."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.dependencies import BatchServiceDep, RecommendationServiceDep
from app.errors import NoActiveRelease, Overloaded, StorageUnavailable, UnknownUser
from app.routers.problems import problem_of, problems
from app.schemas.batches import BatchBody, BatchList, render_batch
from app.schemas.ids import UserId
from app.schemas.recommendations import RecommendationList, RecommendationParameters
from app.schemas.strict import NoParameters

router = APIRouter(tags=["recommend"])


@router.get(
    "/users/{user_id}/recommendations",
    response_model=RecommendationList,
    responses=problems(UnknownUser, NoActiveRelease, StorageUnavailable, Overloaded),
)
async def list_recommendations(
    user_id: UserId, parameters: Annotated[RecommendationParameters, Query()], service: RecommendationServiceDep
) -> Response:
    """List the best items the user has not met yet, best first.

    A user who is stored but came after training, or who was never seen with `fallback=popular`, gets the most
    popular items: `strategy` says so.
    """
    return Response(await service.recommend(parameters.query(user_id)), media_type="application/json")


@router.post(
    "/recommendations/batch",
    response_model=BatchList,
    responses=problems(NoActiveRelease, StorageUnavailable, Overloaded),
)
async def list_recommendations_of_many(
    body: BatchBody, _none: Annotated[NoParameters, Query()], service: BatchServiceDep
) -> Response:
    """List the best items for each of up to 1,000 users, at a fraction of the cost of as many calls.

    The answer is 200 as a whole; each result has the status that a call for its user would have had. Lists are
    computed anew: all of them with one release and, where it is the same for all, with one state of the catalogue.
    """
    found = await service.recommend(body.batch())
    unknown = {user_id: problem_of(UnknownUser(user_id)) for user_id in body.user_ids if user_id not in found}
    return Response(render_batch(body.user_ids, found, unknown), media_type="application/json")
