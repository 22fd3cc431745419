"""A database for one command: checked before its first use, and closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.schema import SchemaCheck
from app.db.session import Database
from app.errors import StorageUnavailable
from app.settings import Settings


@asynccontextmanager
async def opened(settings: Settings, pool_size: int = 1) -> AsyncIterator[Database]:
    """Lend the database of the settings.

    Raises:
        StorageUnavailable: it is away, or has not been migrated.
    """
    url = settings.database_url.get_secret_value()
    database = Database(url, pool_size=pool_size, timeout_seconds=settings.database_timeout_seconds)
    try:
        problem = await SchemaCheck(database).problem()
        if problem is not None:
            raise StorageUnavailable(f"The database cannot be used: {problem}. Run `python -m app migrate` first.")
        yield database
    finally:
        await database.close()
