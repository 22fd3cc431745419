"""PostgreSQL behind a network that swallows packets: nobody waits for ever, and when they come again all goes on."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from app.db.session import Database
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore
from tests.faults.proxy import Proxy, proxied

pytestmark = pytest.mark.anyio
SECONDS = {"database_timeout_seconds": 2, "database_statement_seconds": 2}


@pytest.fixture
def network(postgres: Backend) -> Iterator[Proxy]:
    """What stands between the service and its database."""
    url = make_url(postgres.database_url)
    if url.host not in (None, "localhost", "127.0.0.1"):
        pytest.skip("TEST_DATABASE_URL names another machine")
    port, folder = url.port or 5432, url.query.get("host")
    with proxied(f"{folder}/.s.PGSQL.{port}" if folder else port) as proxy:
        yield proxy


async def test_lists_come_from_memory_the_rest_is_503_and_both_recover(
    postgres: Backend, network: Proxy, releases: MemoryStore, release_id: str, start: Start
) -> None:
    database = Database(postgres.database_url)
    await world.store(database, world.tables())
    await database.close()
    url = make_url(postgres.database_url).set(host="127.0.0.1", port=network.port, query={})
    backend = Backend("postgres", url.render_as_string(hide_password=False), None)
    async with start(backend.settings(**SECONDS), releases) as client:
        assert (await client.post(f"/releases/{release_id}/activate")).status_code == 200
        for path in ("/users/u1/recommendations", "/users/u2/history", "/users/u2/recommendations"):
            assert (await client.get(path)).status_code == 200
        network.mode = "swallow"
        async with asyncio.timeout(60):
            known, same, history = await asyncio.gather(
                client.get("/users/u1/recommendations?limit=3"),
                client.get("/users/u1/recommendations?limit=3"),
                client.get("/users/u2/history"),
            )
            later = await client.get("/users/u2/recommendations?limit=2")
            ready = await client.get("/health/ready")
        for each in (known, same, later):
            assert (each.status_code, each.json()["degraded"]) == (200, ["history"])
        assert (history.status_code, history.json()["code"]) == (503, "storage_unavailable")
        assert ready.json()["missing"]["database"] == "cannot be reached"
        # What was swallowed never arrives: connections that waited for it are of no use any more.
        network.mode = "pass"
        async with asyncio.timeout(60):
            healed = [await client.get(f"/users/u{n}/recommendations?limit={m}") for m in (4, 5, 6) for n in (1, 2)]
            assert (await client.get("/health/ready")).status_code == 200
        for each in healed:
            assert (each.status_code, each.json()["degraded"]) == (200, [])
