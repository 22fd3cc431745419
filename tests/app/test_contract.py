"""The REST contract, row by row: a case for each call and each trouble, with keys in use, on both kinds of backend."""

from collections.abc import AsyncIterator

import pytest

from app.db.session import Database
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.app.contract_calls import CALLS
from tests.app.contract_place import Place, good
from tests.app.contract_troubles import TROUBLES
from tests.app.memory_release import MemoryStore
from tests.app.test_access import bearer, make_key

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(
    backend: Backend, database: Database, releases: MemoryStore, release_id: str, start: Start
) -> AsyncIterator[Place]:
    other_id = f"{release_id}-2"
    releases.releases[other_id] = world.release(other_id, created_at="2026-02-01T00:00:00Z")
    key = await make_key(database)
    async with start(backend.settings(), releases) as client:
        client.headers.update(bearer(key))
        good(await client.post(f"/releases/{release_id}/activate"))
        yield Place(client, backend, database, releases, release_id, other_id, start)


@pytest.mark.parametrize("name", CALLS)
async def test_the_call_gives_what_its_row_says(place: Place, name: str) -> None:
    await CALLS[name](place)


@pytest.mark.parametrize("name", TROUBLES)
async def test_the_trouble_is_answered_as_its_row_says(place: Place, name: str) -> None:
    await TROUBLES[name](place)
