"""Who may do what: keys, their scopes, and what a store of keys has to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, get_args

Scope = Literal["read", "write", "admin"]
SCOPES: frozenset[Scope] = frozenset(get_args(Scope))


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept: the hash of its secret, and what it is for."""

    key_id: str
    tenant_id: int
    tenant: str
    name: str
    secret_hash: bytes
    scopes: frozenset[Scope]
    rate_limit: str | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sends a request; `key_id` is None where no keys are in use."""

    tenant_id: int
    key_id: str | None
    scopes: frozenset[Scope]
    rate_limit: str | None = None


class Keys(Protocol):
    """The store of keys."""

    async def exist(self) -> bool:
        """Tell whether any key was ever made; revoking the last one opens nothing."""
        ...

    async def find(self, key_id: str) -> StoredKey | None:
        """Give a key that is not revoked."""
        ...

    async def create(self, key: StoredKey, new_tenant: bool) -> None:
        """Store a key for the tenant of its name; its `tenant_id` is not looked at.

        Raises:
            UnknownTenant: no tenant has the name, and none is to be made.
        """
        ...

    async def list(self) -> Sequence[StoredKey]:
        """Give all keys, the newest first."""
        ...

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key; False if no valid key has the id."""
        ...


class RateLimits(Protocol):
    """Counts calls."""

    async def wait(self, rate: str, caller: str) -> int:
        """Count one call; gives 0 if it is within the rate, else the seconds until one will be."""
        ...
