"""What a route may ask for: the services that the lifespan put together, by type.

All of these are `async`: FastAPI sends any other function through a thread, at ten times the cost of a cached answer.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.catalogue import CatalogueItems, People
from app.db.stores import Stores
from app.feedback import Events
from app.knowledge import Knowledge
from app.services.access import AccessService
from app.services.batches import BatchService
from app.services.completions import CompletionService
from app.services.entity_search import EntitySearch
from app.services.erasure import ErasureService
from app.services.health import HealthService
from app.services.insights import InsightService
from app.services.predictions import PredictionService
from app.services.recommendations import RecommendationService
from app.services.releases import ReleaseManager
from app.services.review import ReviewService
from app.services.similar import ItemListService


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running service; `app/main.py` makes them."""

    recommendations: RecommendationService
    batches: BatchService
    insights: InsightService
    item_lists: ItemListService
    completions: CompletionService
    releases: ReleaseManager
    health: HealthService
    stores: Stores
    erasure: ErasureService
    entities: EntitySearch
    titles: EntitySearch
    access: AccessService
    max_body_bytes: int
    review: ReviewService
    predictions: PredictionService


async def services_of(request: Request) -> Services:
    """Give the services of the app that answers a request."""
    services = request.app.state.services
    assert isinstance(services, Services), "the lifespan has not started"
    return services


_ServicesDep = Annotated[Services, Depends(services_of)]


async def _recommendations(services: _ServicesDep) -> RecommendationService:
    return services.recommendations


async def _batches(services: _ServicesDep) -> BatchService:
    return services.batches


async def _insights(services: _ServicesDep) -> InsightService:
    return services.insights


async def _item_lists(services: _ServicesDep) -> ItemListService:
    return services.item_lists


async def _completions(services: _ServicesDep) -> CompletionService:
    return services.completions


async def _releases(services: _ServicesDep) -> ReleaseManager:
    return services.releases


async def _health(services: _ServicesDep) -> HealthService:
    return services.health


async def _events(services: _ServicesDep) -> Events:
    return services.stores.events


async def _items(services: _ServicesDep) -> CatalogueItems:
    return services.stores.items


async def _people(services: _ServicesDep) -> People:
    return services.stores.people


async def _knowledge(services: _ServicesDep) -> Knowledge:
    return services.stores.knowledge


async def _entities(services: _ServicesDep) -> EntitySearch:
    return services.entities


async def _titles(services: _ServicesDep) -> EntitySearch:
    return services.titles


async def _erasure(services: _ServicesDep) -> ErasureService:
    return services.erasure


async def _review(services: _ServicesDep) -> ReviewService:
    return services.review


async def _predictions(services: _ServicesDep) -> PredictionService:
    return services.predictions


RecommendationServiceDep = Annotated[RecommendationService, Depends(_recommendations)]
BatchServiceDep = Annotated[BatchService, Depends(_batches)]
InsightServiceDep = Annotated[InsightService, Depends(_insights)]
ItemListServiceDep = Annotated[ItemListService, Depends(_item_lists)]
CompletionServiceDep = Annotated[CompletionService, Depends(_completions)]
ReleaseManagerDep = Annotated[ReleaseManager, Depends(_releases)]
HealthServiceDep = Annotated[HealthService, Depends(_health)]
EventsDep = Annotated[Events, Depends(_events)]
CatalogueDep = Annotated[CatalogueItems, Depends(_items)]
PeopleDep = Annotated[People, Depends(_people)]
ErasureServiceDep = Annotated[ErasureService, Depends(_erasure)]
KnowledgeDep = Annotated[Knowledge, Depends(_knowledge)]
EntitySearchDep = Annotated[EntitySearch, Depends(_entities)]
TitleSearchDep = Annotated[EntitySearch, Depends(_titles)]
ReviewServiceDep = Annotated[ReviewService, Depends(_review)]
PredictionServiceDep = Annotated[PredictionService, Depends(_predictions)]
