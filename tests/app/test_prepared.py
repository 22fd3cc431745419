"""What a start tells when it has read what answers need."""

import asyncio

import pytest

from app.main import create_app
from tests.app.conftest import Backend
from tests.app.memory_release import MemoryStore

pytestmark = pytest.mark.anyio


async def test_a_start_says_once_that_what_answers_need_is_read(sqlite: Backend, releases: MemoryStore) -> None:
    graphs: list[int] = []
    told = asyncio.Event()

    def prepared() -> None:
        graphs.append(len(app.state.services.recommendations._explanations._facts._graphs))
        told.set()

    app = create_app(sqlite.settings(), releases, prepared)
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(10):
            await told.wait()
        await asyncio.sleep(0.05)
    assert graphs == [1]
