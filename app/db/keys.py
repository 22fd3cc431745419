"""Keys and tenants."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access import SCOPES, StoredKey
from app.db.session import Database
from app.db.tables import ApiKey, Tenant
from app.db.upsert import upsert
from app.errors import UnknownTenant


class KeyRepository:
    """Implements `app.access.Keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def exist(self) -> bool:
        """Tell whether any key was ever made."""
        async with self._database.reading() as connection:
            return (await connection.execute(select(ApiKey.key_id).limit(1))).first() is not None

    async def find(self, key_id: str) -> StoredKey | None:
        """Give a key that is not revoked."""
        statement = _keys().where(ApiKey.key_id == key_id, ApiKey.revoked_at.is_(None))
        async with self._database.reading() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else _key(row)

    async def create(self, key: StoredKey, new_tenant: bool) -> None:
        """Store a key."""
        async with self._database.writing() as connection:
            values = {
                "key_id": key.key_id,
                "tenant_id": await _tenant(connection, key.tenant, new_tenant),
                "name": key.name,
                "secret_hash": key.secret_hash,
                "scopes": " ".join(sorted(key.scopes)),
                "rate_limit": key.rate_limit,
                "created_at": key.created_at,
            }
            await connection.execute(upsert(connection.dialect.name, ApiKey).values(values))

    async def list(self) -> Sequence[StoredKey]:
        """Give all keys, the newest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_keys().order_by(ApiKey.created_at.desc(), ApiKey.key_id))
            return [_key(row) for row in rows]

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key."""
        statement = update(ApiKey).where(ApiKey.key_id == key_id, ApiKey.revoked_at.is_(None))
        async with self._database.writing() as connection:
            return (await connection.execute(statement.values(revoked_at=datetime.now(UTC)))).rowcount > 0


async def _tenant(connection: AsyncConnection, name: str, create: bool) -> int:
    if create:
        statement = upsert(connection.dialect.name, Tenant).values(name=name)
        await connection.execute(statement.on_conflict_do_nothing())
    found = (await connection.execute(select(Tenant.tenant_id).where(Tenant.name == name))).scalar_one_or_none()
    if found is None:
        raise UnknownTenant(name)
    return int(found)


def _keys() -> Select[*tuple[Any, ...]]:
    columns = (ApiKey.secret_hash, ApiKey.scopes, ApiKey.rate_limit, ApiKey.created_at, ApiKey.revoked_at)
    statement = select(ApiKey.key_id, ApiKey.tenant_id, Tenant.name.label("tenant"), ApiKey.name, *columns)
    return statement.join(Tenant, Tenant.tenant_id == ApiKey.tenant_id)


def _key(row: Any) -> StoredKey:
    scopes = frozenset(scope for scope in SCOPES if scope in row.scopes.split(" "))
    return StoredKey(
        row.key_id, row.tenant_id, row.tenant, row.name, row.secret_hash, scopes, row.rate_limit, row.created_at,
        row.revoked_at,
    )  # fmt: skip
