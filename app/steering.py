"""Steering: what a user asked for more or less of, and what a store of it has to do."""

from collections.abc import Collection, Mapping
from typing import Protocol

LEAST, NEUTRAL, MOST = 0.0, 1.0, 2.0
"""0 masks a preference, 1 changes nothing, 2 doubles its odds."""


class Steerings(Protocol):
    """The multipliers that users set, by relation; those that were never set are 1."""

    async def of(self, user_ids: Collection[str]) -> Mapping[str, Mapping[str, float]]:
        """Give the multipliers of users; who has none is left out."""
        ...

    async def put(self, user_id: str, relation_id: str, multiplier: float) -> None:
        """Set a multiplier, 0 to 2. The very next call of any process sees it.

        Raises:
            UnknownUser, UnknownRelation: an id is not stored; nothing has changed.
        """
        ...

    async def delete(self, user_id: str, relation_id: str) -> bool:
        """Set a multiplier back to 1; False if it was not set.

        Raises:
            UnknownUser, UnknownRelation: an id is not stored.
        """
        ...
