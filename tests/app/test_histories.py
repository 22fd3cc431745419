"""One history by the statement that is ready, many by the awaited way: the same, and as new as the last commit."""

import sqlite3
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, insert, update

from app.db.histories import AT_ONCE, HistoryRepository
from app.db.session import Database
from app.db.tables import Interaction, Item, User
from app.stored import History
from tests.app.conftest import Backend

pytestmark = pytest.mark.anyio


async def store(database: Database, user_id: str, rows: list[tuple[str, int | None, bool | None]]) -> None:
    """Store a user with a history: item, time, disliked."""
    async with database.writing() as connection:
        await connection.execute(delete(Interaction).where(Interaction.user_id == user_id))
        await connection.execute(delete(User).where(User.user_id == user_id))
        await connection.execute(insert(User).values(user_id=user_id))
        values = [
            {"user_id": user_id, "item_id": item, "timestamp": time, "disliked": disliked}
            for item, time, disliked in rows
        ]
        if values:
            await connection.execute(insert(Interaction), values)


async def items(database: Database, n: int) -> list[str]:
    names = [f"n{k:04}" for k in range(n)]
    async with database.writing() as connection:
        await connection.execute(insert(Item), [{"item_id": name} for name in names])
    return names


async def test_one_history_alone_is_the_one_that_it_is_among_many(backend: Backend, database: Database) -> None:
    names = await items(database, 6)
    await store(
        database, "new", [(names[0], 5, None), (names[1], 9, True), (names[2], None, False), (names[3], 9, None)]
    )
    await store(database, "idle", [])
    async with database.writing() as connection:
        gone = update(Item).where(Item.item_id == names[3]).values(deleted_at=datetime.now(UTC))
        await connection.execute(gone)
    histories = HistoryRepository(database)
    many = await histories.histories(["new", "idle", "nobody", "u1", "u2"])
    for user_id in ("new", "idle", "nobody", "u1", "u2"):
        alone = await histories.histories([user_id])
        assert alone == {name: history for name, history in many.items() if name == user_id}
    # Newest first, without a time last, the deleted item left out.
    assert many["new"] == History((names[1], names[0], names[2]), frozenset({names[1]}), (9, 5))
    assert many["idle"] == History((), frozenset())
    histories.close()


async def test_what_another_process_commits_is_in_the_very_next_reading(backend: Backend, database: Database) -> None:
    names = await items(database, 20)
    elsewhere, histories = Database(backend.database_url), HistoryRepository(database)
    for n in range(1, 21):
        await store(elsewhere, "new", [(name, k, None) for k, name in enumerate(names[:n])])
        assert (await histories.histories(["new"]))["new"].items == tuple(reversed(names[:n]))
    histories.close()
    await elsewhere.close()


async def test_a_history_too_long_to_be_read_at_once_is_whole(backend: Backend, database: Database) -> None:
    names = await items(database, AT_ONCE + 5)
    histories = HistoryRepository(database)
    for length in (AT_ONCE, AT_ONCE + 1, AT_ONCE + 5):
        await store(database, "long", [(name, 1, None) for name in names[:length]])
        assert (await histories.histories(["long"]))["long"].items == tuple(names[:length])
    histories.close()


async def test_no_history_of_another_tenant_is_told(backend: Backend, database: Database) -> None:
    histories = HistoryRepository(database)
    if backend.kind == "sqlite":
        with sqlite3.connect(backend.database_url.removeprefix("sqlite+aiosqlite:///")) as other:
            other.execute("INSERT INTO tenants (tenant_id, name) VALUES (77, 'theirs')")
            other.execute("INSERT INTO users (tenant_id, user_id) VALUES (77, 'theirs')")
        other.close()
    assert await histories.histories(["theirs"]) == {}
    histories.close()
