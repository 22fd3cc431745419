"""A database that was filled at the first revision comes up to the newest, and down again, with every row."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from alembic import command

from app.db.schema import alembic_config, migrate
from app.db.session import Database

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])
FILL = (
    "INSERT INTO users (user_id, history_version) VALUES ('a/b', 3), ('中文', 0)",
    "INSERT INTO entities (entity_id, label) VALUES ('e1', 'Alien'), ('e2', NULL)",
    "INSERT INTO relations (relation_id, label) VALUES ('r', 'r')",
    "INSERT INTO items (item_id, title, entity_id) VALUES ('i1', 'Alien', 'e1'), ('i2', NULL, NULL)",
    "INSERT INTO facts (head, relation, tail, origin) VALUES ('e1', 'r', 'e2', 'accepted')",
    "INSERT INTO facts (head, relation, tail) VALUES ('e2', 'r', 'e1')",
    "INSERT INTO interactions (user_id, item_id, value, timestamp) VALUES ('a/b', 'i1', 0.5, 7)",
    "INSERT INTO interactions (user_id, item_id) VALUES ('a/b', 'i2')",
    "INSERT INTO stamps (name, value) VALUES ('graph', 4)",
    "INSERT INTO releases (release_id, is_active, problem) VALUES ('r1', true, NULL), ('r2', false, 'cut')",
)
READ = (
    "SELECT user_id, history_version FROM users ORDER BY user_id",
    "SELECT entity_id, label FROM entities ORDER BY entity_id",
    "SELECT item_id, title, entity_id FROM items ORDER BY item_id",
    "SELECT id, head, relation, tail, origin FROM facts ORDER BY id",
    "SELECT user_id, item_id, value, timestamp FROM interactions ORDER BY item_id",
    "SELECT name, value FROM stamps",
    "SELECT release_id, problem FROM releases WHERE is_active",
)


def run(url: str, *statements: str) -> list[list[Any]]:
    async def each() -> list[list[Any]]:
        database = Database(url)
        try:
            async with database.writing() as connection:
                results = [await connection.exec_driver_sql(statement) for statement in statements]
                return [list(map(tuple, result)) for result in results if result.returns_rows]
        finally:
            await database.close()

    return anyio.run(each)


@KINDS
def test_c117_a_database_filled_at_the_first_revision_keeps_every_row_up_and_down(
    empty_database: Callable[[str], str], kind: str
) -> None:
    url = empty_database(kind)
    migrate(url, "0001")
    run(url, *FILL)
    before = run(url, *READ)
    assert before[3] == [(1, "e1", "r", "e2", "accepted"), (2, "e2", "r", "e1", "stored")]
    migrate(url)
    assert run(url, *READ) == before
    assert run(url, "SELECT DISTINCT tenant_id FROM facts") == [[(1,)]]
    run(url, "INSERT INTO facts (tenant_id, head, relation, tail) VALUES (1, 'e1', 'r', 'e1')")
    assert run(url, "SELECT max(id) FROM facts") == [[(3,)]]
    run(url, "DELETE FROM facts WHERE id = 3")
    command.downgrade(alembic_config(url), "0001")
    assert run(url, *READ) == before


@KINDS
def test_a_database_with_more_tenants_does_not_go_down_to_one_without(
    empty_database: Callable[[str], str], kind: str
) -> None:
    url = empty_database(kind)
    migrate(url)
    run(url, "INSERT INTO tenants (name) VALUES ('other')")
    with pytest.raises(RuntimeError, match="1 tenants beside the default one have data"):
        command.downgrade(alembic_config(url), "0001")
    assert run(url, "SELECT name FROM tenants ORDER BY tenant_id") == [[("default",), ("other",)]]
