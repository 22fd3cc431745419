"""Versions are those that are stored when a call asks, whichever process wrote them."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from app.db.session import Database
from app.db.tables import GRAPH, User
from app.db.upsert import raise_stamp
from app.db.versions import VersionReader
from app.errors import StorageUnavailable
from app.stored import Versions
from tests.app import world
from tests.app.conftest import Backend

pytestmark = pytest.mark.anyio


async def write(database: Database, user_id: str) -> None:
    """Change a history and the graph, as another process would."""
    async with database.writing() as connection:
        changed = {"history_version": User.history_version + 1}
        await connection.execute(update(User).where(User.user_id == user_id).values(changed))
        await raise_stamp(connection, GRAPH)


async def test_what_another_process_commits_is_seen_by_the_very_next_reading(
    backend: Backend, database: Database
) -> None:
    elsewhere, reader = Database(backend.database_url), VersionReader(database)
    before = await reader.of("u1")
    assert before.history is not None
    for n in range(1, 21):
        await write(elsewhere, "u1")
        assert await reader.of("u1") == Versions(before.history + n, before.stamps + n)
    assert reader.latest()[1] == before.stamps + 20
    reader.close()
    await elsewhere.close()


async def test_a_user_who_is_not_stored_has_no_history_but_stamps(backend: Backend, database: Database) -> None:
    reader = VersionReader(database)
    known, unknown = await reader.of("u1"), await reader.of("nobody")
    assert unknown == Versions(None, known.stamps)
    assert known.stamps > 0
    reader.close()


async def test_two_hundred_who_ask_at_once_share_a_few_queries_and_each_gets_their_own(
    postgres: Backend,
) -> None:
    database = Database(postgres.database_url)
    await world.store(database, world.tables())
    reader, queries = VersionReader(database), []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *call: queries.append(call[2]))
    names = ["u1", "u2", "nobody", "a/b"] * 50
    found = await asyncio.gather(*(reader.of(name) for name in names))
    assert len(queries) <= 2
    for name, versions in zip(names, found, strict=True):
        assert versions == await reader.of(name)
    assert [versions.history is None for versions in found[:4]] == [False, False, True, False]
    await database.close()


async def test_one_who_asks_while_a_query_is_under_way_is_answered_by_a_later_one(postgres: Backend) -> None:
    class Slow(VersionReader):
        """Holds every result back until it is let go: what it tells is as old as its query."""

        def __init__(self, database: Database) -> None:
            super().__init__(database)
            self.go, self.queries = asyncio.Event(), 0

        async def _query(self, *arguments: Any) -> tuple[dict[str, tuple[int, int]], int]:
            self.queries += 1
            answer = self.queries
            await self.go.wait()
            return dict.fromkeys(arguments[-1], (answer, 0)), 0

    database = Database(postgres.database_url)
    reader = Slow(database)
    first = asyncio.create_task(reader.of("u1"))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(reader.of("u1")) for _ in range(3)]
    await asyncio.sleep(0.01)
    reader.go.set()
    assert (await first).history == 1
    assert [(await task).history for task in later] == [2, 2, 2]
    await database.close()


async def test_calls_one_after_the_other_share_a_connection_and_give_it_back(postgres: Backend) -> None:
    database, borrowed = Database(postgres.database_url, pool_size=1), list[str]()
    event.listen(database.engine.sync_engine, "checkout", lambda *_: borrowed.append("versions"))
    reader = VersionReader(database)

    async def others() -> None:
        for _ in range(5):
            async with database.reading() as connection:
                await connection.exec_driver_sql("SELECT 1")
            borrowed.append("others")

    async def ask() -> None:
        for n in range(200):
            assert await reader.of(f"u{n}") == Versions(None, 0)

    await ask()
    assert len(borrowed) < 50
    borrowed.clear()
    # While versions are asked for without end, the only connection goes round.
    asking = asyncio.create_task(ask())
    await others()
    assert not asking.done()
    await asking
    reader.close()
    # Nothing holds the connection any more.
    async with asyncio.timeout(1), database.reading() as connection:
        await connection.exec_driver_sql("SELECT 1")
    await database.close()


async def test_a_caller_who_goes_away_and_an_error_leave_nobody_waiting(postgres: Backend) -> None:
    database = Database(postgres.database_url.replace("test_", "absent_"), timeout_seconds=2)
    reader = VersionReader(database)
    tasks = [asyncio.create_task(reader.of(name)) for name in ("u1", "u1", "u2")]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert len(results[1:]) == 2
    assert all(isinstance(error, Exception) for error in results[1:])
    await database.close()


async def test_a_locked_or_missing_file_is_told_as_unavailable(sqlite: Backend, tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    reader = VersionReader(database)
    with pytest.raises(StorageUnavailable):
        await reader.of("u1")
    await database.close()


async def test_a_writer_in_the_middle_of_its_transaction_keeps_no_reader_waiting(sqlite: Backend) -> None:
    database = Database(sqlite.database_url)
    reader = VersionReader(database)
    writer = sqlite3.connect(tmp_file(sqlite), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE users SET history_version = history_version + 1")
    async with asyncio.timeout(1):
        assert (await reader.of("u1")).history is None
    writer.execute("ROLLBACK")
    writer.close()
    reader.close()
    await database.close()


def tmp_file(backend: Backend) -> str:
    return backend.database_url.removeprefix("sqlite+aiosqlite:///")
