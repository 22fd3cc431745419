"""What people tell us: events, which of them count as history, and what a store of them has to do.

| type | history | what it says |
|---|---|---|
| `impression` | no | the item was shown |
| `click` | no | the item was opened from a list |
| `view` | yes | the item was watched, read or heard |
| `like`, `purchase`, `rating` | yes | the same, with an opinion; a rating has its `value` |
| `dislike` | yes, but never evidence | the person does not want it |

Every event is stored. An item of the history is not recommended again; a disliked one explains nothing either.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

EventType = Literal["impression", "click", "view", "like", "purchase", "rating", "dislike"]
RejectionCode = Literal["unknown_item"]

_DISLIKED: Mapping[str, bool | None] = {
    "view": None,
    "like": False,
    "purchase": False,
    "rating": False,
    "dislike": True,
}
"""The types that count as history, and the opinion that each tells: None leaves the one before."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `event_id` names it for ever, `ts` is in seconds since 1970, UTC."""

    event_id: str
    user_id: str
    item_id: str
    type: EventType
    value: float | None
    ts: int
    recommendation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Met:
    """What events say of one user and one item: the newest time, and the newest value and opinion there are."""

    user_id: str
    item_id: str
    value: float | None
    timestamp: int
    disliked: bool | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that was not stored; `index` is its place in the call, from 0."""

    index: int
    code: RejectionCode


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of the events of one call; `duplicates` were stored before, or stand in the call twice."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One item that a user met; `disliked` is None where no event tells an opinion."""

    item_id: str
    title: str | None
    value: float | None
    timestamp: int | None
    disliked: bool | None


class Events(Protocol):
    """The store of events."""

    async def record(self, events: Sequence[Event]) -> Recorded:
        """Store the events that are new, the users they name, and what they say of histories: all, or nothing.

        Raises:
            StorageUnavailable: nothing has been stored.
        """
        ...

    async def history(self, user_id: str, limit: int, after: tuple[int | None, str] | None) -> list[HistoryItem] | None:
        """Give what the user met, newest first, without a time last, ties by item id; None if no user has the id.

        `after` is the time and the id of the item before the first.
        """
        ...


def fold(events: Iterable[Event]) -> list[Met]:
    """Say what events mean for histories, one row a user and item, in the order of their ids.

    >>> [(met.value, met.timestamp, met.disliked) for met in fold([
    ...     Event("1", "u", "i", "rating", 4.0, 10), Event("2", "u", "i", "view", None, 30),
    ...     Event("3", "u", "i", "click", None, 40)])]
    [(4.0, 30, False)]
    """
    rows: dict[tuple[str, str], Met] = {}
    for event in sorted(events, key=lambda event: event.ts):
        if event.type not in _DISLIKED:
            continue
        key, opinion = (event.user_id, event.item_id), _DISLIKED[event.type]
        before = rows.get(key, Met(*key, None, event.ts, None))
        value = before.value if event.value is None else event.value
        rows[key] = Met(*key, value, event.ts, before.disliked if opinion is None else opinion)
    return [rows[key] for key in sorted(rows)]
