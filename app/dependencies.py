"""What a route may ask for: the services that the lifespan put together, by type."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.services.completions import CompletionService
from app.services.health import HealthService
from app.services.recommendations import RecommendationService
from app.services.releases import ReleaseManager


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running service; `app/main.py` makes them."""

    recommendations: RecommendationService
    completions: CompletionService
    releases: ReleaseManager
    health: HealthService


def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services), "the lifespan has not started"
    return services


_ServicesDep = Annotated[Services, Depends(_services)]


def _recommendations(services: _ServicesDep) -> RecommendationService:
    return services.recommendations


def _completions(services: _ServicesDep) -> CompletionService:
    return services.completions


def _releases(services: _ServicesDep) -> ReleaseManager:
    return services.releases


def _health(services: _ServicesDep) -> HealthService:
    return services.health


RecommendationServiceDep = Annotated[RecommendationService, Depends(_recommendations)]
CompletionServiceDep = Annotated[CompletionService, Depends(_completions)]
ReleaseManagerDep = Annotated[ReleaseManager, Depends(_releases)]
HealthServiceDep = Annotated[HealthService, Depends(_health)]
