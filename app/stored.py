"""What the services need from the database, as protocols. Every method opens and returns its own connection.

Each may raise StorageUnavailable. Ids that are not stored are left out of a mapping; a stored id without a label
maps to None.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Protocol

from app.ports import CompletionQuery, ScoredItem, Tie


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """What the database knows of a release: when it was last activated (UTC), and why it was last refused."""

    release_id: str
    activated_at: datetime | None
    is_active: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Versions:
    """Numbers that grow with each change of what the answers for one user rest on.

    `history` counts changes of the user's history, and is None if the user is not stored; `stamps` those of the
    catalogue and the graph; `preferences` those of the steering, and is 0 for who never steered.
    """

    history: int | None
    stamps: int
    preferences: int = 0

    @property
    def of_person(self) -> tuple[int | None, int, int]:
        """All of them, for an answer to one person."""
        return self.history, self.stamps, self.preferences


class VersionSource(Protocol):
    """The versions that are stored now, whoever wrote last."""

    async def of(self, user_id: str) -> Versions:
        """Give a user's versions, read after this call began."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """Items that a user met, newest first, ties by item id; `disliked` are among them, and no reason for anything.

    `times` are those of the first items, in seconds since 1970, UTC; items without a time come last, and have none.
    """

    items: tuple[str, ...]
    disliked: frozenset[str]
    times: tuple[int, ...] = ()

    @property
    def reasons(self) -> list[str]:
        """What may explain something."""
        return [item_id for item_id in self.items if item_id not in self.disliked]

    def since(self, seconds: float) -> list[str]:
        """What was met after a moment and may explain something, newest first."""
        if not self.times or self.times[0] <= seconds:
            return []
        newer = takewhile(lambda pair: pair[1] > seconds, zip(self.items, self.times, strict=False))
        return [item_id for item_id, _ in newer if item_id not in self.disliked]


class Histories(Protocol):
    """What many people did."""

    async def histories(self, user_ids: Collection[str]) -> Mapping[str, History]:
        """Give the histories of stored users; deleted items are left out."""
        ...


class Items(Protocol):
    """The catalogue."""

    async def titles(self, item_ids: Collection[str]) -> Mapping[str, str | None]:
        """Give the titles of stored items."""
        ...

    async def most_popular(self, n: int, since: int | None = None) -> list[ScoredItem]:
        """Give the n items with the most interactions; the score is their number; ties by item id.

        With `since` (seconds since 1970, UTC), older interactions do not count, and items without any are left out.
        """
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

    async def ties(self, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> Sequence[Mapping[str, Sequence[Tie]]]:
        """Find for each pair (items, history) the stored facts that tie each item to items of the history.

        Items without a tie are left out.
        """
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
