"""What the services need from the database, as protocols. Every method opens and returns its own connection.

Each may raise StorageUnavailable. Ids that are not stored are left out of a mapping; a stored id without a label
maps to None.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.ports import CompletionQuery, ScoredItem, Tie


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """What the database knows of a release: when it was last activated (UTC), and why it was last refused."""

    release_id: str
    activated_at: datetime | None
    is_active: bool
    problem: str | None


class Users(Protocol):
    """People and what they did."""

    async def history_version(self, user_id: str) -> int | None:
        """Give the number that grows with each change of what the user's lists depend on; None if not stored.

        That is the history, the catalogue and the graph.
        """
        ...

    async def history(self, user_id: str) -> list[str]:
        """Give the ids of the items the user met, newest first, ties by item id; deleted items are left out."""
        ...

    async def disliked(self, user_id: str) -> frozenset[str]:
        """Give the items of the history that the user does not want: they are seen, but no reason for anything."""
        ...


class Items(Protocol):
    """The catalogue."""

    async def titles(self, item_ids: Collection[str]) -> Mapping[str, str | None]:
        """Give the titles of stored items."""
        ...

    async def most_popular(self, n: int) -> list[ScoredItem]:
        """Give the n items with the most interactions; the score is their number; ties by item id."""
        ...

    async def withdrawn(self) -> frozenset[str]:
        """Give the items that were deleted: a release may still know them, and nothing may recommend them."""
        ...


class Labels(Protocol):
    """Entities or relations, by id."""

    async def labels(self, ids: Collection[str]) -> Mapping[str, str | None]:
        """Give the labels of stored ids."""
        ...


class Facts(Protocol):
    """The knowledge graph."""

    async def completions(self, query: CompletionQuery) -> frozenset[str]:
        """Give every id that completes the query to a stored fact."""
        ...

    async def ties(self, item_ids: Sequence[str], history: Sequence[str]) -> Mapping[str, list[Tie]]:
        """Find stored facts that tie each item to items of the history; items without a tie are left out."""
        ...


class ReleaseRows(Protocol):
    """Which release is active, for every process alike."""

    async def active(self) -> str | None:
        """Give the id of the active release."""
        ...

    async def activate(self, release_id: str) -> None:
        """Make a release the only active one."""
        ...

    async def refuse(self, release_id: str, problem: str) -> None:
        """Note why a release was refused; the active one stays."""
        ...

    async def list(self) -> list[ReleaseRow]:
        """Give all rows."""
        ...


class Schema(Protocol):
    """The state of the database itself."""

    async def problem(self) -> str | None:
        """Say what is wrong with the database (`cannot be reached`, `schema not migrated`); None if nothing is."""
        ...
