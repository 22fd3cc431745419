"""The vector engine that the settings name, and a release that is searched through it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from app.settings import Settings
from app.tenancy import current_tenant, releases_of
from app.vector_engine.engine import VectorEngine, check_installed
from app.vector_engine.index import EngineIndex
from app.vector_engine.milvus import Milvus
from models.checkpoint import MODEL
from models.release import Release
from models.retrieval.carried import Sample
from models.retrieval.nominations import IndexShape
from models.retrieval.search import Searcher


@dataclass(frozen=True)
class EngineChoice:
    """Which engine, and what happens while it is away."""

    engine: VectorEngine
    retry_seconds: float
    fallback: Literal["index", "none"]


def engine_of(settings: Settings, shards: int = 1) -> EngineChoice | None:
    """Give the engine of the settings; None where they name none. It is not asked yet.

    Raises:
        SettingsError: its client is not installed.
    """
    if settings.vector_engine is None:
        return None
    check_installed(settings)
    token = settings.vector_engine_token
    engine = Milvus(
        settings.vector_engine,
        None if token is None else token.get_secret_value(),
        settings.vector_engine_timeout_ms / 1000,
        shards,
    )
    return EngineChoice(engine, settings.vector_engine_retry_seconds, settings.vector_engine_fallback)


def name_of(release_id: str) -> str:
    """Name a release of the current tenant in the engine, which all tenants share."""
    return releases_of(Path(), current_tenant()).joinpath(release_id).as_posix()


def fingerprint_of(release: Release) -> str:
    """Give what tells a release from another of the same name: the hash of what vouches for its weights."""
    return str(release.manifest["files"][f"{MODEL}/manifest.json"])


def through_engine(release: Release, name: str, choice: EngineChoice) -> tuple[Release, EngineIndex]:
    """Give a release that is searched through an engine, where it is known by `name`, and the index that does so."""
    searcher, model = release.searcher, release.checkpoint.model
    instead = (searcher.index, searcher.nominate) if choice.fallback == "index" else None
    shape = IndexShape.of(model, release.checkpoint.vocabularies["items"].content_hash)
    index = EngineIndex(
        choice.engine, name, fingerprint_of(release), Sample.of(model), shape, choice.retry_seconds, instead
    )
    return replace(release, searcher=Searcher(model, index, 0)), index
