"""Cursors: where a page ended, as one opaque word. They hold the place itself, so they never expire."""

import base64
import binascii
import json
from collections.abc import Sequence

from app.errors import InvalidQuery
from app.identifiers import id_problem

Place = Sequence[str | int | None]


def encode(*place: str | int | None) -> str:
    """Write a place as letters, digits, `-` and `_`.

    >>> decode(encode("a/b", None, 3), (str, int | None, int))
    ['a/b', None, 3]
    """
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def decode(cursor: str, kinds: Sequence[object]) -> list[str | int | None]:
    """Read a place back.

    Raises:
        InvalidQuery: it is no cursor of such a list.
    """
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _refused() from None
    if not isinstance(place, list) or len(place) != len(kinds):
        raise _refused()
    for part, kind in zip(place, kinds, strict=True):
        if isinstance(part, bool) or not isinstance(part, kind) or not _can_be_stored(part):  # type: ignore[arg-type]
            raise _refused()
    return place


def _can_be_stored(part: object) -> bool:
    """Whether a database takes it: a caller may have made the cursor up."""
    if isinstance(part, str):
        return not part or id_problem(part) is None
    return not isinstance(part, int) or abs(part) < 2**63


def _refused() -> InvalidQuery:
    return InvalidQuery("This is no `next_cursor` of this list.", ("cursor",))
