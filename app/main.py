"""The only place where the parts are joined."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import FastAPI

from app.cache import LayeredCache, ProcessCache, RedisCache
from app.db.facts import FactRepository
from app.db.histories import HistoryRepository
from app.db.items import ItemRepository
from app.db.keys import KeyRepository
from app.db.labels import entity_repository, relation_repository
from app.db.new_items import PlacedItems
from app.db.releases import ReleaseRepository
from app.db.schema import SchemaCheck
from app.db.serving import ServingRepository
from app.db.session import Database
from app.db.stores import open_stores
from app.db.titles import TitleRepository
from app.db.versions import VersionReader
from app.dependencies import Services
from app.draining import draining
from app.errors import StorageUnavailable
from app.lazy_releases import LazyReleaseStore
from app.logs import configure_logging
from app.metrics import Metrics, ReleaseFigures
from app.operations import running_operations, served_log
from app.ports import Cache, LoadedRelease, ReleaseStore
from app.rate_limits import SlidingLimits
from app.remembered import Remembered, RememberedItems, RememberedLabels
from app.routers.api import create_api
from app.schemas.insights import render_insight
from app.schemas.item_lists import render_similar
from app.schemas.recommendations import render
from app.services.access import AccessService
from app.services.answers import Answers
from app.services.batches import BatchService
from app.services.completions import CompletionService
from app.services.entity_search import EntitySearch
from app.services.erasure import ErasedUsers, ErasureService
from app.services.explanations import ExplanationService
from app.services.health import HealthService
from app.services.insights import InsightService
from app.services.new_items import NewItems
from app.services.paging import Snapshots
from app.services.people import PeopleReader
from app.services.popularity import PopularItems
from app.services.predictions import PredictionService
from app.services.ranking import Ranker
from app.services.recommendations import RecommendationService
from app.services.releases import ReleaseManager
from app.services.review import ReviewService
from app.services.scoring import ScoringPool
from app.services.served import ServedLog
from app.services.similar import ItemListService
from app.settings import Settings, load_settings
from app.tracing import current_trace, trace_requests


def create_app(
    settings: Settings, release_store: ReleaseStore | None = None, prepared: Callable[[], None] = lambda: None
) -> FastAPI:
    """Make the service. Without a store, releases are read from `settings.releases_dir`.

    `prepared` is called once after each start, when what answers need was read, or could not be.
    """
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with assembled(settings, metrics, release_store) as parts:
            app.state.services = services = parts.services
            metrics.watch(ReleaseFigures(lambda: services.releases.served()))
            services.erasure.start()
            services.releases.start()
            reading = asyncio.create_task(_prepare(parts.facts, services.releases, prepared))
            try:
                async with running_operations(parts.database, services.releases, parts.served) as app.state.operations:
                    with draining(services.health.end, settings.drain_seconds):
                        yield
            finally:
                reading.cancel()
                await asyncio.wait([reading])
                await services.erasure.stop()
                await services.releases.stop()

    return create_api(lifespan, metrics, settings.cors_origins, settings.allowed_hosts)


@dataclass(frozen=True, slots=True)
class Assembled:
    """The services, with what they stand on; nothing works in the background yet."""

    services: Services
    database: Database
    versions: VersionReader
    facts: FactRepository
    served: ServedLog


@asynccontextmanager
async def assembled(
    settings: Settings, metrics: Metrics | None = None, release_store: ReleaseStore | None = None
) -> AsyncIterator[Assembled]:
    """Join the services over what the settings name, and close all of that at the end."""
    metrics, database, cache = metrics or Metrics(), open_database(settings), open_cache(settings)
    histories, versions, seconds = HistoryRepository(database), VersionReader(database), settings.cache_ttl_seconds
    facts = FactRepository(database, Remembered(versions, seconds), Remembered(versions, seconds))
    store = release_store or LazyReleaseStore(settings.releases_dir, settings.user_vectors, settings)
    served = served_log(settings, database, metrics)
    services = join(settings, database, versions, histories, facts, cache, store, served, metrics)
    try:
        yield Assembled(services, database, versions, facts, served)
    finally:
        await cache.close()
        versions.close()
        histories.close()
        await database.close()


def serve_from_environment() -> FastAPI:
    """Make the service from the environment: what each server process calls."""
    settings = load_settings()
    if settings.otel_endpoint is None:
        configure_logging(settings.log_level)
        return create_app(settings, prepared=set_aside)
    configure_logging(settings.log_level, current_trace)
    app = create_app(settings, prepared=set_aside)
    trace_requests(app, settings.otel_endpoint)
    return app


def set_aside() -> None:
    """Keep all that is in memory now out of later collections: for a process that does nothing but serve.

    A full collection goes through code, release and graph, 200 ms in which nothing is answered, and finds nothing.
    What is set aside is still freed when nobody holds it; only what holds itself stays.
    """
    gc.freeze()


def open_database(settings: Settings) -> Database:
    """Make this process's engine; it connects at its first use."""
    return Database(
        settings.database_url.get_secret_value(),
        settings.database_pool_size,
        settings.database_timeout_seconds,
        settings.database_statement_seconds,
    )


def open_cache(settings: Settings) -> Cache:
    """Use Redis if it is configured; it need not be up."""
    if settings.redis_url is None:
        return ProcessCache(settings.cache_max_bytes)
    shared = RedisCache(
        settings.redis_url.get_secret_value(), settings.cache_timeout_ms / 1000, settings.cache_retry_seconds
    )
    return LayeredCache(ProcessCache(settings.cache_max_bytes), shared, settings.cache_near_seconds)


def open_access(settings: Settings, keys: KeyRepository) -> AccessService:
    """Count calls where answers are cached: in Redis if it is configured; it need not be up."""
    url = settings.redis_url.get_secret_value() if settings.redis_url is not None else None
    limits = SlidingLimits(url, settings.cache_timeout_ms / 1000, settings.cache_retry_seconds)
    return AccessService(keys, limits, settings.access, settings.rate_limit)


async def _prepare(facts: FactRepository, releases: ReleaseManager, prepared: Callable[[], None]) -> None:
    """Read the graph ahead of the first explanation; where that fails, the first explanation reads it.

    Not before a release answers: lists without reasons need no graph, and both at once would only keep each other up.
    """
    await releases.looked()
    with suppress(StorageUnavailable):
        await facts.prepare()
    prepared()


def join(
    settings: Settings,
    database: Database,
    versions: VersionReader,
    histories: HistoryRepository,
    facts: FactRepository,
    cache: Cache,
    store: ReleaseStore,
    served: ServedLog,
    metrics: Metrics,
) -> Services:
    """Give each service what it needs."""
    items, seconds = ItemRepository(database), settings.cache_ttl_seconds
    entities, relations, stores = entity_repository(database), relation_repository(database), open_stores(database)
    scoring = ScoringPool(settings.scoring_threads, settings.scoring_queue)
    releases = ReleaseManager(
        store, ReleaseRepository(database), ServingRepository(database), settings.release_poll_seconds
    )
    kept = RememberedItems(items, Remembered(versions, seconds), Remembered(versions, seconds))
    names = [RememberedLabels(table, Remembered(versions, seconds)) for table in (entities, relations)]
    explanations, popular = ExplanationService(facts, kept, names[0], names[1], scoring), PopularItems(items)
    erased = ErasedUsers(stores.erasures, Remembered(versions, seconds))
    people, ranker = PeopleReader(histories, stores.steerings, erased), Ranker(popular, scoring)
    snapshots, answers = Snapshots(cache, seconds), Answers(cache, seconds, metrics.lookup)
    places = Remembered[LoadedRelease](versions, seconds)
    new_items = NewItems(PlacedItems(database), places, scoring, settings.new_items, releases.answering)
    return Services(
        recommendations=RecommendationService(
            versions=versions,
            people=people,
            items=kept,
            releases=releases,
            filters=stores.filters,
            ranker=ranker,
            explanations=explanations,
            cache=cache,
            answers=answers,
            snapshots=snapshots,
            new_items=new_items,
            render=served.noting(render),
        ),
        batches=BatchService(
            versions=versions,
            people=people,
            items=kept,
            releases=releases,
            filters=stores.filters,
            ranker=ranker,
            explanations=explanations,
            cache=cache,
            snapshots=snapshots,
            new_items=new_items,
            note=served.offer,
        ),
        insights=InsightService(
            versions=versions,
            people=people,
            steerings=stores.steerings,
            items=kept,
            relations=names[1],
            releases=releases,
            explanations=explanations,
            scoring=scoring,
            cache=cache,
            answers=answers,
            new_items=new_items,
            render=render_insight,
        ),
        item_lists=ItemListService(
            versions=versions,
            items=kept,
            relations=names[1],
            releases=releases,
            popular=popular,
            filters=stores.filters,
            scoring=scoring,
            cache=cache,
            answers=answers,
            render=render_similar,
        ),
        completions=CompletionService(facts, stores.reviews, entities, relations, releases, scoring),
        releases=releases,
        health=HealthService(SchemaCheck(database), releases, cache, settings.vector_engine_fallback == "none"),
        stores=stores,
        access=open_access(settings, stores.keys),
        max_body_bytes=settings.max_body_bytes,
        review=ReviewService(stores.gaps, stores.reviews, entities, relations, releases, scoring),
        predictions=PredictionService(stores.gaps, stores.reviews, stores.knowledge, relations, releases, scoring),
        entities=EntitySearch(stores.knowledge),
        titles=EntitySearch(TitleRepository(database)),
        erasure=ErasureService(stores.people, stores.erasures, erased, cache, settings.release_poll_seconds),
    )
