"""Pages of one list: no item comes twice, and what comes is decided once.

The first page is an ordinary answer, which costs no more for being one of several: its cursor holds the ids that were
shown, and when. With it the rest is ranked, at most `DEPTH` items, and kept as a snapshot in the cache: every later
page is a piece of it. A cursor is opaque and not signed. Made up, it gives nothing that the caller could not have by
`exclude`: a snapshot says whose it is and what was asked for, and is read for nothing else. It names the person, so
that an erasure finds it.
"""

import base64
import binascii
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import CursorExpired, InvalidQuery
from app.identifiers import id_problem
from app.ports import Cache, ScoredItem
from app.services.answers import key_of
from app.services.people import Strategy

DEPTH = 500
"""Items of a snapshot: as many as can follow after the first page."""
KEPT_SECONDS = 900
"""How long a snapshot is kept, and how long a first page can be followed after it may have left the cache."""
_MOST_LETTERS = 4_096
_LATEST = 2**63 - 1
"""No time in seconds is later: beyond, a number need not even fit a `float`."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: after the items `shown`, or at `offset` of a snapshot.

    `question` names who asked for what, so that a cursor is of no use for anything else.
    """

    question: str
    release: str
    began: int = 0
    shown: tuple[str, ...] = ()
    snapshot: str | None = None
    offset: int = 0

    def encode(self) -> str:
        """Write it as letters, digits, `-` and `_`."""
        place = [self.began, *self.shown] if self.snapshot is None else [self.snapshot, self.offset]
        text = json.dumps([self.question, self.release, *place], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read it back.

        Raises:
            InvalidQuery: it is no cursor of such a list.

        >>> Cursor.decode(Cursor("q", "r", 7, ("a", "b")).encode())
        Cursor(question='q', release='r', began=7, shown=('a', 'b'), snapshot=None, offset=0)
        """
        try:
            parts = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
        except (binascii.Error, ValueError, RecursionError):
            raise refused() from None
        match parts:
            case [str(question), str(release), int(began), *shown] if _fits(began, _LATEST) and all(map(_is_id, shown)):
                return cls(question, release, began, tuple(shown))
            # A snapshot is a key of the cache: half a surrogate pair could not be asked for.
            case [str(question), str(release), str(key), int(offset)] if key.isascii() and _fits(offset, DEPTH):
                return cls(question, release, snapshot=key, offset=offset)
        raise refused()


def _fits(number: int, most: int) -> bool:
    """Whether a number may stand in a cursor: a caller may have made it up, and JSON's `true` is an `int` here."""
    return not isinstance(number, bool) and 0 <= number <= most


def _is_id(part: Any) -> bool:
    return isinstance(part, str) and id_problem(part) is None


def refused() -> InvalidQuery:
    """Say that a cursor belongs to something else."""
    return InvalidQuery("This is no `next_cursor` of this list.", ("cursor",))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rest of a list, after the `before` items of its first page."""

    key: str
    strategy: Strategy
    before: int
    items: Sequence[ScoredItem]


class Snapshots:
    """Keeps what follows after first pages."""

    def __init__(self, cache: Cache, answer_seconds: int, now: Callable[[], float] = time.time) -> None:
        """`answer_seconds` is how long the answer with a first page may be kept."""
        self._cache = cache
        self._patience = answer_seconds + KEPT_SECONDS
        self._now = now

    def first(self, question: str, release: str, shown: Sequence[str]) -> str | None:
        """Write the cursor of a first page; None where it would be too long for a URL."""
        cursor = Cursor(question, release, int(self._now()), tuple(shown)).encode()
        return cursor if len(cursor) <= _MOST_LETTERS else None

    def check(self, cursor: Cursor, question: str, release: str) -> None:
        """Make sure that a cursor is of this question, and can be followed still.

        Raises:
            InvalidQuery: it is of another list.
            CursorExpired: it is too old, or another release answers now.
        """
        if cursor.question != question:
            raise refused()
        if cursor.release != release:
            raise CursorExpired("Another release answers now")
        if cursor.snapshot is None and not 0 <= self._now() - cursor.began <= self._patience:
            raise CursorExpired("This cursor is too old")

    def key(self, cursor: Cursor) -> str:
        """Name the snapshot that a cursor leads to: the same for each call with it."""
        return cursor.snapshot or key_of({"kind": "snapshot", "cursor": cursor.encode()})

    async def read(self, cursor: Cursor) -> Snapshot | None:
        """Give a snapshot; None where there is none, or it belongs to another question."""
        key = self.key(cursor)
        stored = await self._cache.get(key)
        parts = json.loads(stored) if stored is not None else None
        if not isinstance(parts, dict) or parts.get("question") != cursor.question:
            return None
        return Snapshot(key, parts["strategy"], parts["before"], [ScoredItem(*pair) for pair in parts["items"]])

    async def keep(self, snapshot: Snapshot, question: str, user_id: str | None) -> None:
        """Keep a snapshot."""
        pairs = [(item.item_id, float(item.score)) for item in snapshot.items]
        parts = {"user_id": user_id, "question": question, "strategy": snapshot.strategy, "before": snapshot.before}
        await self._cache.set(snapshot.key, json.dumps(parts | {"items": pairs}).encode("ascii"), KEPT_SECONDS)
