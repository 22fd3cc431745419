"""Run migrations on one connection, in one transaction, under a lock: a second run waits, then finds nothing to do."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from app.db import operation_tables  # noqa: F401 - its tables join the metadata
from app.db.session import Database
from app.db.tables import Base
from app.settings import load_settings

# Any constant will do, as long as nothing else in the database locks on it.
_LOCK = 7_301_946_285
_TIMEOUT_SECONDS = 30.0


def _database_url() -> str:
    url = context.config.attributes.get("database_url")
    return url if isinstance(url, str) else load_settings().database_url.get_secret_value()


def _run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Held until the transaction ends. On SQLite, BEGIN IMMEDIATE (app/db/session.py) is the lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        render_as_batch=True,
        # SQLite can roll back DDL once the driver's own transactions are off, as they are here.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _migrate() -> None:
    database = Database(_database_url(), pool_size=1, timeout_seconds=_TIMEOUT_SECONDS)
    try:
        async with database.writing() as connection:
            await connection.run_sync(_run)
    finally:
        await database.close()


if context.is_offline_mode():
    context.configure(url=_database_url(), target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(_migrate())
