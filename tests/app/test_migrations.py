"""Tables are made by migrations alone; those and the classes say the same; two runs at once are safe."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from app.db import operation_tables  # noqa: F401 - its tables join the metadata
from app.db.schema import SchemaCheck, alembic_config, migrate
from app.db.session import Database
from app.db.tables import Base
from tests.app import world
from tests.app.conftest import Backend

ROOT = Path(__file__).parents[2]
KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


@pytest.mark.anyio
async def test_c119_the_migrated_schema_is_that_of_the_classes(backend: Backend) -> None:
    def difference(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))

    database = Database(backend.database_url)
    async with database.reading() as connection:
        assert await connection.run_sync(difference) == []
    assert await SchemaCheck(database).problem() is None
    await database.close()


@KINDS
def test_c118_three_migrations_at_once_all_succeed(empty_database: Callable[[str], str], kind: str) -> None:
    url = empty_database(kind)
    code = f"from app.db.schema import migrate; migrate({url!r})"
    runs = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [(run.communicate(timeout=60)[1], run.returncode) for run in runs] == [("", 0)] * 3


@KINDS
def test_c117_a_filled_database_goes_down_and_up_again(empty_database: Callable[[str], str], kind: str) -> None:
    import anyio

    url = empty_database(kind)

    async def fill() -> None:
        database = Database(url)
        await world.store(database, world.tables())
        await database.close()

    migrate(url)
    anyio.run(fill)
    command.downgrade(alembic_config(url), "base")
    migrate(url)
    anyio.run(fill)


@pytest.mark.anyio
async def test_a_schema_of_another_revision_is_not_taken_for_ours(backend: Backend) -> None:
    database = Database(backend.database_url)
    async with database.writing() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    assert await SchemaCheck(database).problem() == "schema not migrated"
    await database.close()
