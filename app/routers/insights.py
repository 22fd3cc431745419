"""What a release makes of one person, and steering; and lists that are about nobody."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from app.dependencies import InsightServiceDep, ItemListServiceDep
from app.errors import (
    InvalidQuery,
    NoActiveRelease,
    NotInRelease,
    Overloaded,
    StorageUnavailable,
    UnknownEntity,
    UnknownItem,
    UnknownRelation,
    UnknownUser,
)
from app.routers.languages import AcceptLanguage, told_in
from app.routers.problems import problems
from app.schemas.ids import ItemId, RelationId, UserId
from app.schemas.insights import (
    ExplanationParameters,
    PairBody,
    ProfileBody,
    SteeringBody,
    SteeringChange,
    WhyNotBody,
    WhyNotParameters,
)
from app.schemas.item_lists import PopularList, PopularParameters, SimilarList, SimilarParameters
from app.schemas.strict import NoParameters
from app.services.texts import language_of
from app.steering import NEUTRAL

router = APIRouter(tags=["recommend"])
_No = Annotated[NoParameters, Query()]
_AWAY = (NoActiveRelease, StorageUnavailable, Overloaded)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


@router.get(
    "/users/{user_id}/recommendations/{item_id}/explanation",
    response_model=PairBody,
    responses=problems(UnknownUser, UnknownItem, NotInRelease, *_AWAY),
)
async def explain_pair(
    user_id: UserId,
    item_id: ItemId,
    parameters: Annotated[ExplanationParameters, Query()],
    service: InsightServiceDep,
    accept_language: AcceptLanguage = None,
) -> Response:
    """Explain in full where an item stands for a user, whether or not it is in the list."""
    language = language_of(parameters.lang, accept_language)
    return told_in(await service.explanation(user_id, item_id, parameters.limit, language), language)


@router.get(
    "/users/{user_id}/why-not/{item_id}",
    response_model=WhyNotBody,
    responses=problems(UnknownUser, UnknownItem, NotInRelease, *_AWAY),
)
async def explain_absence(
    user_id: UserId,
    item_id: ItemId,
    parameters: Annotated[WhyNotParameters, Query()],
    service: InsightServiceDep,
) -> Response:
    """Tell why an item is not in a user's list, and the smallest change that would bring it in.

    A change is told only after it was tried on the whole catalogue: it may take some tenths of a second.
    """
    return _json(await service.why_not(user_id, item_id, parameters.limit))


@router.get(
    "/users/{user_id}/preferences",
    response_model=ProfileBody,
    responses=problems(UnknownUser, *_AWAY),
)
async def read_preferences(user_id: UserId, _none: _No, service: InsightServiceDep) -> Response:
    """List a user's preferences by weight, with the items of the history behind each, and what is steered."""
    return _json(await service.preferences(user_id))


@router.put(
    "/users/{user_id}/preferences/{relation_id}",
    responses=problems(UnknownUser, UnknownRelation, NotInRelease, NoActiveRelease, StorageUnavailable),
)
async def steer(
    user_id: UserId,
    relation_id: RelationId,
    change: Annotated[SteeringChange, Body()],
    _none: _No,
    service: InsightServiceDep,
) -> SteeringBody:
    """Ask for more or less of a relation; the very next call sees it, and nothing is trained.

    It is kept when another release answers, and has effect wherever the release has a preference for the relation.
    """
    await service.steer(user_id, relation_id, change.multiplier)
    return SteeringBody(user_id=user_id, relation_id=relation_id, multiplier=change.multiplier)


@router.delete(
    "/users/{user_id}/preferences/{relation_id}",
    responses=problems(UnknownUser, UnknownRelation, StorageUnavailable),
)
async def stop_steering(
    user_id: UserId, relation_id: RelationId, _none: _No, service: InsightServiceDep
) -> SteeringBody:
    """Set a multiplier back to 1, whether it was set or not: lists are what they were before."""
    await service.release_steering(user_id, relation_id)
    return SteeringBody(user_id=user_id, relation_id=relation_id, multiplier=NEUTRAL)


@router.get(
    "/items/popular",
    responses=problems(UnknownRelation, UnknownEntity, InvalidQuery, StorageUnavailable),
)
async def list_popular_items(
    parameters: Annotated[PopularParameters, Query()], service: ItemListServiceDep
) -> PopularList:
    """List what most people met, ever or in the last days; no release is needed.

    An item whose id is `popular` is read as `/items/%70opular`.
    """
    items = await service.popular(parameters.limit, parameters.days, parameters.filter, parameters.exclude)
    return PopularList.of(parameters.days, items)


@router.get(
    "/items/{item_id}/similar",
    response_model=SimilarList,
    responses=problems(UnknownItem, UnknownRelation, NotInRelease, *_AWAY),
)
async def list_similar_items(
    item_id: ItemId, parameters: Annotated[SimilarParameters, Query()], service: ItemListServiceDep
) -> Response:
    """List the items nearest to one, in the whole space or on the hyperplane of one preference."""
    found = await service.similar(item_id, parameters.limit, parameters.relation, parameters.exclude)
    return _json(found)
