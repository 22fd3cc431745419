"""A server on a port, for clients that wait."""

import threading
import time
from collections.abc import Iterator

import anyio
import pytest
import uvicorn

from app.access import SCOPES
from app.db.keys import KeyRepository
from app.db.session import Database
from app.main import create_app
from app.services.access import new_key
from tests.app import world
from tests.app.conftest import Backend
from tests.app.memory_release import MemoryStore


class Address:
    """Where a server listens, and a key for everything."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key


@pytest.fixture
def served(sqlite: Backend, releases: MemoryStore, release_id: str) -> Iterator[Address]:
    """The world, with one release that is not active yet, behind a real port."""

    async def prepare() -> str:
        database = Database(sqlite.database_url)
        await world.store(database, world.tables())
        key, text = new_key("default", "test", sorted(SCOPES))
        await KeyRepository(database).create(key, new_tenant=False)
        await database.close()
        return text

    key = anyio.run(prepare)
    app = create_app(sqlite.settings(), releases)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Address(f"http://127.0.0.1:{port}", key)
    server.should_exit = True
    thread.join()
