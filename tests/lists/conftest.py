"""The sample with a release of random weights, stored, and lived with: what lists are made of, without training."""

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import torch
from redis.asyncio import Redis

from app.dataset import DatasetReader
from app.db.bulk import DatasetImport
from app.db.releases import ReleaseRepository
from app.db.schema import migrate
from app.db.session import Database
from app.main import create_app
from app.settings import Settings
from models.checkpoint import write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from, config_values
from models.release import write_release
from models.retrieval.exhaustive import ItemScan
from models.retrieval.roles import Roles
from tests.conftest import execute, in_database
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset

ROOT = Path(__file__).parents[2]
NAMES = ("users", "items", "entities", "relations")
NEW_PEOPLE = ("came-later", "nobody-yet")


def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the project from its root."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@dataclass(frozen=True)
class Sample:
    """A data set directory, and a folder of releases with `random` and `other`."""

    dataset: Path
    releases: Path


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    home = tmp_path_factory.mktemp("sample")
    made = Sample(home / "dataset", home / "releases")
    done = run("training", "convert", "--format", "tables", "data/sample/raw", made.dataset, "--name", "sample")
    assert done.returncode == 0, done.stderr
    dataset = IndexedDataset.of(Dataset.load(made.dataset))
    for seed, name in enumerate(("random", "other")):
        write_random_release(dataset, home / f"checkpoint-{name}", made.releases / name, seed)
    return made


def write_random_release(dataset: IndexedDataset, checkpoint: Path, release: Path, seed: int) -> None:
    """Write a release of a model that was drawn, not trained: every list, score and reason of it is as good a test."""
    names = dataset.vocabularies
    n_users, n_items, n_entities, n_relations = (len(names[kind]) for kind in NAMES)
    sizes = Sizes(n_users, n_items, n_entities, n_relations, torch.from_numpy(dataset.alignment))
    config = config_from("ktup-soft", {"embedding_size": 16, "norm": "l2", "temperature": 0.1})
    model = build("ktup-soft", config, sizes, torch.Generator().manual_seed(seed))
    described = {"name": "sample", "content_hash": dataset.content_hash, "created_at": "2026-01-01T00:00:00+00:00"}
    write_checkpoint(checkpoint, "ktup-soft", model, names, {"dataset": described})
    values = {
        "created_at": "2026-01-02T00:00:00+00:00",
        "model": {"name": "ktup-soft", "config": config_values(config)},
        "dataset": described,
        "counts": {kind: len(vocabulary) for kind, vocabulary in names.items()},
        "metrics": {},
        "index": {"nominate": 10, "recall": 1.0, "kind": "scan"},
    }
    index = ItemScan.build(model.to(torch.float64), names["items"].content_hash)
    write_release(
        release, checkpoint, index, Roles.of_triples(dataset.triples["train"], len(names["relations"])), values
    )


@dataclass(frozen=True)
class Home:
    """A database with the sample, the release `random` active, and people who lived on since."""

    settings: Settings
    environment: dict[str, str]


@pytest.fixture(scope="session")
def lived_in(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file to copy."""
    path = tmp_path_factory.mktemp("lived") / "ktup.db"
    anyio.run(_live, _settings(f"sqlite:///{path}", sample))
    return path


@pytest.fixture
def home(sample: Sample, lived_in: Path, tmp_path: Path) -> Home:
    """SQLite, and no Redis."""
    shutil.copy(lived_in, tmp_path / "ktup.db")
    url = f"sqlite:///{tmp_path / 'ktup.db'}"
    environment = {"KTUP_DATABASE_URL": url, "KTUP_RELEASES_DIR": str(sample.releases)}
    return Home(_settings(url, sample), environment)


@pytest.fixture
def home_with_redis(sample: Sample, postgres_url: str, redis_url: str) -> Iterator[Home]:
    """PostgreSQL, and Valkey with nothing in it."""
    asyncio.run(_empty(redis_url))
    name = f"lists_{uuid.uuid4().hex}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    url = in_database(postgres_url, name)
    settings = _settings(url, sample, redis_url=redis_url, cache_ttl_seconds=3_600)
    anyio.run(_live, settings)
    environment = {
        "KTUP_DATABASE_URL": url,
        "KTUP_RELEASES_DIR": str(sample.releases),
        "KTUP_REDIS_URL": redis_url,
        "KTUP_CACHE_TTL_SECONDS": "3600",
    }
    yield Home(settings, environment)
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _settings(url: str, sample: Sample, **changes: Any) -> Settings:
    values: dict[str, Any] = {"database_url": url, "releases_dir": sample.releases, "release_poll_seconds": 0.1}
    return Settings(**(values | changes))


async def _empty(redis_url: str) -> None:
    redis: Redis = Redis.from_url(redis_url)
    await redis.flushdb()
    await redis.aclose()


async def _live(settings: Settings) -> None:
    """Store the sample; somebody meets items after training, steers, comes anew; an item is deleted, one is new."""
    url = settings.database_url.get_secret_value()
    await anyio.to_thread.run_sync(migrate, url)
    database = Database(url)
    reader = DatasetReader(settings.releases_dir.parent / "dataset", ["train", "valid"])
    await DatasetImport(database, reader, lambda _table, _n: None).run()
    await ReleaseRepository(database).activate("random")
    await database.close()
    async with serving(settings.model_copy(update={"redis_url": None})) as client:
        met = ("notting-hill-1999", "amelie-2001")
        events = [
            {"event_id": f"{user}-{item}", "user_id": user, "item_id": item, "type": "view", "ts": 1_780_000_000}
            for user in ("u004", "came-later")
            for item in met
        ]
        answers = [
            await client.post("/events", json=events),
            await client.put("/users/nobody-yet", json={}),
            await client.put("/users/u007/preferences/director", json={"multiplier": 0.0}),
            await client.delete("/items/moonrise-kingdom-2012"),
            await client.put("/items/a-new-film", json={"title": "New", "entity_id": "amelie-2001"}),
        ]
    assert [answer.text for answer in answers if not answer.is_success] == []


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The service itself, and a client of it."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            with anyio.fail_after(60):
                while (await client.get("/health/ready")).status_code != 200:  # noqa: ASYNC110
                    await anyio.sleep(0.05)
            yield client


Serving = Callable[[Settings], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
