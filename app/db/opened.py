"""A database for one command: checked before its first use, waited for where that is asked, closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.schema import UNREACHABLE, SchemaCheck
from app.db.session import Database
from app.db.waiting import wait_while
from app.errors import StorageUnavailable
from app.settings import Settings


@asynccontextmanager
async def opened(settings: Settings, pool_size: int = 1, wait_seconds: float = 0) -> AsyncIterator[Database]:
    """Lend the database of the settings, once it is there and migrated.

    Raises:
        StorageUnavailable: it is away, or has not been migrated, still after `wait_seconds`.
    """
    database = _database(settings, pool_size)
    try:
        problem = await wait_while(SchemaCheck(database).problem, wait_seconds)
        if problem is not None:
            raise StorageUnavailable(f"The database cannot be used: {problem}. Run `python -m app migrate` first.")
        yield database
    finally:
        await database.close()


async def wait_until_reachable(settings: Settings) -> None:
    """Return once the database of the settings answers, migrated or not.

    Raises:
        StorageUnavailable: it is away, still after `start_wait_seconds`.
    """
    database = _database(settings, 1)

    async def problem() -> str | None:
        found = await SchemaCheck(database).problem()
        return found if found == UNREACHABLE else None

    try:
        if await wait_while(problem, settings.start_wait_seconds) is not None:
            raise StorageUnavailable
    finally:
        await database.close()


def _database(settings: Settings, pool_size: int) -> Database:
    url = settings.database_url.get_secret_value()
    return Database(url, pool_size=pool_size, timeout_seconds=settings.database_timeout_seconds)
