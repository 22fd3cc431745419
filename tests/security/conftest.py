"""A service without keys, on SQLite: what is refused here is refused where least stands in the way."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.db.session import Database
from tests.app.conftest import Backend, Start, database, release_id, releases, sqlite, sqlite_template, start
from tests.app.memory_release import MemoryStore

__all__ = ["database", "release_id", "releases", "sqlite", "sqlite_template", "start"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def backend(sqlite: Backend) -> Backend:
    return sqlite


@pytest.fixture
async def client(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> AsyncIterator[httpx.AsyncClient]:
    async with start(backend.settings(), releases) as client:
        assert (await client.post(f"/releases/{release_id}/activate")).status_code == 200
        yield client
