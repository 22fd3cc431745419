"""Migrations that are started together, and killed in the middle: the next one finds nothing done, or all of it."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from app.db.schema import SchemaCheck
from app.db.session import Database
from tests.faults.processes import command, environment, running, until

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


def problem(url: str) -> str | None:
    async def ask() -> str | None:
        database = Database(url)
        found = await SchemaCheck(database).problem()
        await database.close()
        return found

    return anyio.run(ask)


@KINDS
def test_c118_a_migration_that_is_killed_beside_another_one_leaves_a_whole_schema(
    empty_database: Callable[[str], str], kind: str, tmp_path: Path
) -> None:
    url, chance = empty_database(kind), random.Random(kind)
    env = environment(database_url=url, log_level="info")
    for n in range(2):
        with (
            running("app", "migrate", env=env, log=tmp_path / f"killed-{n}.log") as killed,
            running("app", "migrate", env=env, log=tmp_path / f"other-{n}.log") as other,
        ):
            # Imports take the first second or more; what follows is over in a moment.
            until(lambda: Path(f"/proc/{killed.pid}/maps").read_text().count("greenlet") > 0)
            time.sleep(chance.random())
            killed.kill()
            assert other.wait(60) == 0, (tmp_path / f"other-{n}.log").read_text()
    assert problem(url) is None
    again = command("app", "migrate", env=env)
    assert (again.returncode, problem(url)) == (0, None), again.stderr
