"""Every revision, up and down, on a database with rows in every table: nothing is lost that a revision can hold."""

import shutil
import uuid
from collections.abc import Callable, Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, inspect, select

from app.db.schema import MIGRATIONS, SchemaCheck, alembic_config, migrate
from app.db.session import Database
from tests.conftest import copy_database, execute, in_database
from tests.migrations.rows import ADDED, Row

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])
REVISIONS = [script.revision for script in reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions()))]
Contents = dict[str, list[dict[str, Any]]]


def within(url: str, work: Callable[[Connection], Any]) -> Any:
    async def run() -> Any:
        database = Database(url)
        try:
            async with database.writing() as connection:
                return await connection.run_sync(work)
        finally:
            await database.close()

    return anyio.run(run)


def reflected(connection: Connection, names: Collection[str]) -> dict[str, Table]:
    """Tables as the database has them; all are looked up at once, which spares PostgreSQL some dozen queries each."""
    metadata = MetaData()
    metadata.reflect(connection, only=sorted(names))
    return {name: metadata.tables[name] for name in sorted(names)}


def fill(url: str, rows: list[Row]) -> None:
    def insert(connection: Connection) -> None:
        tables = reflected(connection, {name for name, _ in rows})
        for name, values in rows:
            connection.execute(tables[name].insert().values(values))

    within(url, insert)


def contents(url: str) -> Contents:
    """Every table with all of its rows, in an order of their own."""

    def read(connection: Connection) -> Contents:
        names = {name for name in inspect(connection).get_table_names() if name != "alembic_version"}
        tables = reflected(connection, names)
        found = {name: connection.execute(select(table)).mappings() for name, table in tables.items()}
        return {name: sorted(map(dict, rows), key=repr) for name, rows in found.items()}

    read_all: Contents = within(url, read)
    return read_all


def of_before(before: Contents, after: Contents) -> Contents:
    """What is left of the tables and columns that there were before."""
    columns = {name: list(rows[0]) if rows else [] for name, rows in before.items()}
    return {
        name: sorted(({column: row[column] for column in columns[name]} for row in after.get(name, [])), key=repr)
        for name in before
    }


def test_c117_every_revision_brings_rows_to_be_tested_with() -> None:
    assert list(ADDED) == REVISIONS, "a new revision needs rows of what it adds in tests/migrations/rows.py"


@KINDS
def test_c117_every_revision_keeps_every_row_up_and_down(empty_database: Callable[[str], str], kind: str) -> None:
    url, before = empty_database(kind), list[Contents]()
    migrate(url, REVISIONS[0])
    fill(url, ADDED[REVISIONS[0]])
    for former, revision in pairwise(REVISIONS):
        before.append(contents(url))
        migrate(url, revision)
        assert of_before(before[-1], contents(url)) == before[-1], f"{former} to {revision}"
        fill(url, ADDED[revision])
        command.downgrade(alembic_config(url), former)
        # Rows that joined a table of before stay; what the new revision brought of its own is gone.
        left = contents(url)
        assert left.keys() == before[-1].keys(), f"{revision} to {former}"
        assert not [row for name, rows in before[-1].items() for row in rows if row not in left[name]]
        migrate(url, revision)
        fill(url, [row for row in ADDED[revision] if row[0] not in before[-1]])
    assert all(contents(url).values()), "every table has a row at the newest revision"
    for former, expected in zip(reversed(REVISIONS[:-1]), reversed(before), strict=True):
        command.downgrade(alembic_config(url), former)
        found = contents(url)
        assert of_before(expected, found).keys() == expected.keys()
        assert found["users"] == expected["users"], former
    migrate(url)


Chain = Callable[[str, str], str]


@pytest.fixture(scope="module")
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Give a copy of a database that was filled at every revision up to one: each kind goes up once, for all."""
    folder, made = tmp_path_factory.mktemp("chain"), dict[tuple[str, str], str]()

    def copy(url: str, kind: str) -> str:
        name = f"chain_{uuid.uuid4().hex}"
        if kind == "sqlite":
            shutil.copy(url.partition(":///")[2], folder / name)
            return f"sqlite+aiosqlite:///{folder / name}"
        server = request.getfixturevalue("postgres_url")
        copy_database(server, Path(url.partition("?")[0]).name, name)
        return in_database(server, name)

    def go_up(kind: str) -> None:
        url = f"sqlite+aiosqlite:///{folder / 'chain.db'}"
        if kind == "postgres":
            server, name = request.getfixturevalue("postgres_url"), f"chain_{uuid.uuid4().hex}"
            execute(server, f"CREATE DATABASE {name}")
            url = in_database(server, name)
        for revision in REVISIONS:
            migrate(url, revision)
            fill(url, ADDED[revision])
            made[kind, revision] = copy(url, kind)

    def give(kind: str, revision: str) -> str:
        if (kind, revision) not in made:
            go_up(kind)
        return made[kind, revision]

    return give


@KINDS
@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_c117_from_every_earlier_revision_the_newest_is_one_command_away(
    chain: Chain, kind: str, revision: str
) -> None:
    url = chain(kind, revision)
    before = contents(url)
    migrate(url)
    assert of_before(before, contents(url)) == before

    async def problem() -> str | None:
        database = Database(url)
        found = await SchemaCheck(database).problem()
        await database.close()
        return found

    assert anyio.run(problem) is None
