"""Whom a release may still know, though they were erased: its vectors were trained before, and hold what they did."""

import hashlib
from collections.abc import Mapping

from app.tenancy import current_tenant


class ErasedUsers:
    """When people were erased, by the hash of their id, in the memory of a process: every list asks."""

    def __init__(self) -> None:
        self._erased_at: dict[str, float] = {}

    def learn(self, erased_at: Mapping[str, float]) -> None:
        """Add people, by `user_key`, and when they were erased (seconds since 1970, UTC)."""
        self._erased_at.update(erased_at)

    def after(self, user_id: str, data_until: float) -> bool:
        """Tell whether the current tenant's user was erased after the data of a release ended."""
        if not self._erased_at:
            return False
        erased_at = self._erased_at.get(user_key(current_tenant(), user_id))
        return erased_at is not None and erased_at >= data_until


def user_key(tenant_id: int, user_id: str) -> str:
    """Name a user without their id: rows have to be found by it, not to tell who it is.

    >>> user_key(1, "u1") == user_key(2, "u1")
    False
    """
    return hashlib.sha256(f"{tenant_id}\x00{user_id}".encode()).hexdigest()
