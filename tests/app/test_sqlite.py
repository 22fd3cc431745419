"""One trip for a query: the same rows as ever, however many, and transactions that are whole or not at all."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, insert, text

from app.db.session import Database
from app.db.tables import Entity
from app.errors import StorageUnavailable
from tests.app.conftest import Backend

pytestmark = pytest.mark.anyio
N = 4_500  # more than two pieces of what a trip fetches


@pytest.fixture
async def database(sqlite: Backend) -> AsyncIterator[Database]:
    """Entities `e0` to `e4499`."""
    database = Database(sqlite.database_url)
    async with database.writing() as connection:
        await connection.execute(insert(Entity), [{"entity_id": f"e{n}"} for n in range(N)])
    yield database
    await database.close()


ALL = text("SELECT entity_id FROM entities ORDER BY CAST(substr(entity_id, 2) AS INTEGER)")


async def test_a_large_result_comes_whole_and_in_order(database: Database) -> None:
    async with database.reading() as connection:
        assert list((await connection.execute(ALL)).scalars()) == [f"e{n}" for n in range(N)]


@pytest.mark.parametrize("size", [1, 7, 1_999, 2_000, 2_001, 10_000])
async def test_a_stream_gives_each_row_once_whatever_the_size_of_its_pieces(database: Database, size: int) -> None:
    async with database.reading() as connection:
        pieces = [piece async for piece in (await connection.stream(ALL)).partitions(size)]
    assert [row[0] for piece in pieces for row in piece] == [f"e{n}" for n in range(N)]
    assert max(map(len, pieces)) <= size


async def test_a_result_that_is_left_half_read_keeps_no_writer_waiting(database: Database) -> None:
    async with database.reading() as connection:
        rows = await connection.stream(ALL)
        assert (await anext(aiter(rows)))[0] == "e0"
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM entities"))
    async with database.reading() as connection:
        assert (await connection.execute(ALL)).first() is None


async def test_a_reader_sees_what_was_committed_before_each_of_its_queries(database: Database) -> None:
    async with database.reading() as reader:
        before = (await reader.execute(text("SELECT count(*) FROM entities"))).scalar_one()
        async with database.writing() as writer:
            await writer.execute(insert(Entity).values(entity_id="new"))
            assert (await reader.execute(text("SELECT count(*) FROM entities"))).scalar_one() == before
        assert (await reader.execute(text("SELECT count(*) FROM entities"))).scalar_one() == before + 1


async def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.writing() as connection:
            await connection.execute(delete(Entity))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.writing() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM entities"))).scalar_one() == N


async def test_a_file_without_tables_is_told_as_unavailable(sqlite: Backend) -> None:
    database = Database(sqlite.database_url.replace("ktup.db", "empty.db"))

    async def read() -> None:
        async with database.reading() as connection:
            await connection.execute(ALL)

    with pytest.raises(StorageUnavailable):
        await read()
    await database.close()
