"""Real servers for the service's tests: SQLite with the in-process cache, and PostgreSQL with Valkey."""

import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from app.db.schema import migrate
from app.db.session import Database
from app.main import create_app
from app.ports import ReleaseStore
from app.settings import Settings
from tests.app import world
from tests.app.memory_release import MemoryStore
from tests.conftest import copy_database, execute, in_database


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "ktup.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """A migrated database to copy; gives its name."""
    name = f"template_{uuid.uuid4().hex}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    migrate(in_database(postgres_url, name))
    return name


@dataclass(frozen=True)
class Backend:
    """A migrated, empty database, and a cache."""

    kind: str
    database_url: str
    redis_url: str | None

    def settings(self, **changes: Any) -> Settings:
        """Settings for this backend, without regard to the environment."""
        values: dict[str, Any] = {"database_url": self.database_url, "redis_url": self.redis_url}
        values |= {"release_poll_seconds": 0.1, "database_timeout_seconds": 5}
        return Settings(**(values | changes))


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Backend:
    shutil.copy(sqlite_template, tmp_path / "ktup.db")
    return Backend("sqlite", f"sqlite+aiosqlite:///{tmp_path / 'ktup.db'}", None)


@pytest.fixture
def postgres(postgres_url: str, postgres_template: str, redis_url: str) -> Iterator[Backend]:
    name = f"test_{uuid.uuid4().hex}"
    copy_database(postgres_url, postgres_template, name)
    # Each test has names of releases of its own; a database number of Valkey for each would run out.
    yield Backend("postgres", in_database(postgres_url, name), redis_url)
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Both kinds, one after the other."""
    chosen: Backend = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
async def database(backend: Backend) -> AsyncIterator[Database]:
    """The world, stored."""
    database = Database(backend.database_url)
    await world.store(database, world.tables())
    yield database
    await database.close()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds; fail after about ten seconds."""
    for _ in range(500):
        if await condition():
            return
        await anyio.sleep(0.02)
    pytest.fail("what was waited for did not happen")


Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def start() -> Start:
    """Start a service, and give a client of it. Errors of the app are answers, as behind a server."""

    @asynccontextmanager
    async def run(settings: Settings, store: ReleaseStore) -> AsyncIterator[httpx.AsyncClient]:
        app: FastAPI = create_app(settings, store)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                yield client

    return run


@pytest.fixture
def release_id() -> str:
    """A name of its own for each test: the tests share one Valkey, and keys hold the release."""
    return f"r-{uuid.uuid4().hex}"


@pytest.fixture
def releases(release_id: str) -> MemoryStore:
    """One release of the world, not activated yet."""
    return MemoryStore({release_id: world.release(release_id)})


@pytest.fixture
async def client(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with the world stored and its release active."""
    async with start(backend.settings(), releases) as client:
        answer = await client.post(f"/releases/{release_id}/activate")
        assert answer.status_code == 200, answer.text
        yield client
