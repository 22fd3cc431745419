"""Recommendations: for one user, and for many by one call."""

from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute

from app.dependencies import BatchServiceDep, RecommendationServiceDep, services_of
from app.errors import (
    CursorExpired,
    InvalidQuery,
    NoActiveRelease,
    Overloaded,
    ReleaseNotLoaded,
    StorageUnavailable,
    UnknownEntity,
    UnknownRelation,
    UnknownUser,
    VectorEngineUnavailable,
)
from app.routers.languages import AcceptLanguage, told_in
from app.routers.problems import problem_of, problems
from app.routers.read_before import ReadBefore
from app.schemas.batches import BatchBody, BatchList, render_batch, render_problem, render_result
from app.schemas.ids import UserId, id_in
from app.schemas.recommendations import PageOfRecommendations, RecommendationList, RecommendationsBody
from app.schemas.strict import NoParameters

router = APIRouter(tags=["recommend"])
_UNFIT = (UnknownRelation, UnknownEntity, InvalidQuery)
_AWAY = (NoActiveRelease, StorageUnavailable, VectorEngineUnavailable, Overloaded)
_READ = ReadBefore()
_HUNG_UP = 499
"""Nobody gets it: in the log, it tells a call whose client hung up, as nginx does."""


class _ListRoute(APIRoute):
    """Answers what was asked in the same bytes before at once; FastAPI reads, checks and refuses the rest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        read = super().get_route_handler()

        async def answer(request: Request) -> Response:
            user_id = id_in(request.path_params["user_id"])
            query = None if user_id is None else _READ.get(request.scope, user_id)
            if query is None:
                return await read(request)
            services = await services_of(request)
            return told_in(await services.recommendations.recommend(query), query.language)

        return answer


async def list_recommendations(
    user_id: UserId,
    parameters: Annotated[PageOfRecommendations, Query()],
    service: RecommendationServiceDep,
    request: Request,
    accept_language: AcceptLanguage = None,
) -> Response:
    """List the best items the user has not met yet, best first, page by page.

    A user who is stored but came after training is folded in from the history. Who has none, or was never seen and
    asks for `fallback=popular`, gets the most popular items: `strategy` says so.

    What a user met since training is left out from the very next call, may explain other items, and moves their vector
    as far as their history is new. Items that came after training are listed by their facts. Pages after the first
    are pieces of one list that is ranked once: no item comes twice, and none that was met or deleted meanwhile.
    """
    query = parameters.query(user_id, (), accept_language)
    if parameters.cursor is None:
        _READ.keep(request.scope, query)
    return told_in(await service.recommend(query, parameters.cursor), query.language)


router.add_api_route(
    "/users/{user_id}/recommendations",
    list_recommendations,
    methods=["GET"],
    response_model=RecommendationList,
    responses=problems(UnknownUser, *_UNFIT, CursorExpired, ReleaseNotLoaded, *_AWAY),
    route_class_override=_ListRoute,
)


@router.post(
    "/recommendations",
    response_model=RecommendationList,
    responses=problems(UnknownUser, *_UNFIT, CursorExpired, ReleaseNotLoaded, *_AWAY),
)
async def list_recommendations_by_body(
    body: RecommendationsBody,
    _none: Annotated[NoParameters, Query()],
    service: RecommendationServiceDep,
    accept_language: AcceptLanguage = None,
) -> Response:
    """List the best items for a user, for an anonymous session, or for a user who likes some items in addition.

    For a user alone it is the list of the call by path. `items` fold the person in from them and the history, with the
    user's steering: for a session of which the release knows no item, the list is popular.
    """
    query = body.query(body.user_id, body.items, accept_language)
    return told_in(await service.recommend(query, body.cursor), query.language)


@router.post(
    "/recommendations/batch",
    response_model=BatchList,
    responses=problems(*_UNFIT, *_AWAY),
)
async def list_recommendations_of_many(
    body: BatchBody,
    _none: Annotated[NoParameters, Query()],
    service: BatchServiceDep,
    request: Request,
    accept_language: AcceptLanguage = None,
) -> Response:
    """List the best items for each of up to 1,000 users, at a fraction of the cost of as many calls.

    The answer is 200 as a whole; each result has the status that a call for its user would have had. Lists are
    computed anew, each by the release that answers its user, and with one state of the catalogue where it is the
    same for all. Other calls get their turn in between, and a call whose client hangs up ends with the list that is
    being made.
    """
    batch = body.batch(accept_language)
    written: dict[str, bytes] = {}
    async with aclosing(service.recommend(batch)) as lists:
        async for result in lists:
            if await request.is_disconnected():
                return Response(status_code=_HUNG_UP)
            # Each by itself: a thousand lists are seconds of writing, in which nobody else would be answered.
            written[result.user_id or ""] = render_result(result)
    for user_id in batch.user_ids:
        if user_id not in written:
            written[user_id] = render_problem(user_id, problem_of(UnknownUser(user_id)))
    return told_in(render_batch(written[user_id] for user_id in body.user_ids), batch.query.language)
