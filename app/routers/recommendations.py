"""Recommendations for one user."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.dependencies import RecommendationServiceDep
from app.errors import NoActiveRelease, Overloaded, StorageUnavailable, UnknownUser
from app.routers.problems import problems
from app.schemas.ids import UserId
from app.schemas.recommendations import RecommendationList, RecommendationParameters

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
