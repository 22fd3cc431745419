"""The schema: brought to the newest revision by migrations alone, and checked at start, never created there."""

import asyncio
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import String, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import column, table

from app.db.session import Database
from app.errors import StorageUnavailable

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
NOT_MIGRATED = "schema not migrated"
UNREACHABLE = "cannot be reached"
_PATIENCE_SECONDS = 2.0
_VERSION = select(column("version_num", String)).select_from(table("alembic_version"))


class SchemaCheck:
    """Implements `app.stored.Schema`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def problem(self) -> str | None:
        """Say what is wrong with the database, within two seconds; None if nothing is."""
        if self._file_is_missing():
            return NOT_MIGRATED
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return NOT_MIGRATED if await self._behind() else None
        except (TimeoutError, StorageUnavailable, SQLAlchemyError, OSError):
            return UNREACHABLE

    def _file_is_missing(self) -> bool:
        """Whether there is no SQLite file: to look inside would make an empty one."""
        file = self._database.engine.url.database
        return self._database.dialect == "sqlite" and file is not None and not Path(file).exists()

    async def _behind(self) -> bool:
        async with self._database.reading() as connection:
            names = await connection.run_sync(lambda sync: connection.dialect.has_table(sync, "alembic_version"))
            if not names:
                return True
            revision: str | None = (await connection.execute(_VERSION)).scalar_one_or_none()
            return revision != head_revision()


@cache
def head_revision() -> str | None:
    """Give the newest revision that this code knows."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def alembic_config(database_url: str) -> Config:
    """Configure Alembic from code, so that the URL is never written to a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config


def migrate(database_url: str, revision: str = "head") -> None:
    """Bring a database to a revision; safe to run twice at once. Runs its own event loop.

    Raises:
        StorageUnavailable: the database cannot be reached, or stays locked.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(alembic_config(database_url), revision)
