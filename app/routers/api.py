"""The HTTP surface as a whole: routes, middleware, problems and their OpenAPI document, without any parts behind."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import Lifespan

from app.metrics import Metrics
from app.routers import health, insights, jobs, knowledge_graph, metrics, problems, recommendations, releases, stored
from app.routers.access import Access, BodyLimit
from app.routers.access_document import document_access
from app.routers.instrumentation import CountedRequests, RouteNames
from app.routers.middleware import API_VERSION, RequestContext
from app.routers.origins import (
    ALLOWED_HEADERS,
    ALLOWED_METHODS,
    EXPOSED_HEADERS,
    Origins,
    Preflights,
    ReadableAnswers,
)
from app.routers.paths import PathSegments
from app.schemas import batches as batch_schemas
from app.schemas import completions as completion_schemas
from app.schemas import insights as insight_schemas
from app.schemas import item_lists as item_list_schemas
from app.schemas import recommendations as recommendation_schemas
from app.schemas import review as review_schemas
from app.schemas.problems import Problem
from app.web.routes import ROUTES

_DESCRIPTION = (
    "Recommendations and knowledge-graph completion from one KTUP model, with the reason for each.\n\n"
    "Ids are opaque strings. Scores are finite; higher is better, and comparable within one answer only. "
    "Every error is a problem (RFC 9457) with a `code` and a `request_id`."
)


def create_api(
    lifespan: Lifespan[FastAPI] | None = None,
    figures: Metrics | None = None,
    origins: Sequence[str] = (),
    hosts: Sequence[str] = (),
) -> FastAPI:
    """Put the routes together. Without a lifespan that provides the services, only the document can be asked for.

    `origins` are those whose pages may call from a browser; `hosts`, the names of this server, if only some count.
    """
    figures = figures or Metrics()
    api = FastAPI(
        title="KTUP Recommender",
        version=API_VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    api.state.metrics = figures
    # `insights` before what is stored: `/items/popular` is a list, and no item.
    for module in (recommendations, insights, knowledge_graph, releases, jobs, health, metrics):
        api.include_router(module.router)
    for router in stored.ROUTERS:
        api.include_router(router)
    api.router.routes.extend(ROUTES)
    problems.install(api)
    # The last one added is the outermost.
    api.add_middleware(RouteNames)
    api.add_middleware(BodyLimit)
    api.add_middleware(Access)
    api.add_middleware(Origins, origins=origins, hosts=hosts)
    api.add_middleware(PathSegments)
    if origins:
        api.add_middleware(
            Preflights, allow_origins=origins, allow_methods=ALLOWED_METHODS, allow_headers=ALLOWED_HEADERS
        )
    api.add_middleware(RequestContext)
    if origins:
        api.add_middleware(ReadableAnswers, allow_origins=origins, expose_headers=EXPOSED_HEADERS)
    api.add_middleware(CountedRequests, metrics=figures)
    api.openapi = lambda: openapi_document(api)  # type: ignore[method-assign]
    return api


def openapi_document(api: FastAPI) -> dict[str, Any]:
    """Give the OpenAPI document, made once: FastAPI's, with our problem as the body of every error."""
    if api.openapi_schema is None:
        document = get_openapi(
            title=api.title, version=api.version, description=api.description, routes=api.routes, summary=api.summary
        )
        schemas = document["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        # Added here, as FastAPI drops every null from the document.
        schemas["RecommendationList"]["examples"] = [recommendation_schemas.EXAMPLE]
        schemas["BatchList"]["examples"] = [batch_schemas.EXAMPLE]
        schemas["WhyNotBody"]["examples"] = [insight_schemas.WHY_NOT_EXAMPLE]
        schemas["ProfileBody"]["examples"] = [insight_schemas.PROFILE_EXAMPLE]
        schemas["SimilarList"]["examples"] = [item_list_schemas.SIMILAR_EXAMPLE]
        schemas["CompletionList"]["examples"] = [completion_schemas.EXAMPLE]
        schemas["GapList"]["examples"] = [review_schemas.GAPS_EXAMPLE]
        schemas["CandidateFactList"]["examples"] = [review_schemas.CANDIDATES_EXAMPLE]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        document_access(document)
        api.openapi_schema = document
    return api.openapi_schema
