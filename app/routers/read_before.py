"""Query strings that were read before: what they ask for is found out once, and not again by each call.

FastAPI reads and checks every parameter by itself, which takes longer than all else that a cached answer needs. What
comes out depends on the bytes of the query and on one header alone, so it is kept by these. Nothing of a person is:
the user stands in the path, and is read each time.
"""

from collections.abc import Iterable
from dataclasses import replace

from starlette.types import Scope

from app.services.recommendations import RecommendationQuery

MOST, LONGEST = 1_024, 256
"""Query strings that are kept, and the bytes of one with its header; with more of them, all are forgotten."""

_Bytes = tuple[bytes, bytes | None]
_LANGUAGE = b"accept-language"


class ReadBefore:
    """Questions by the bytes that asked them, each without its user."""

    def __init__(self) -> None:
        self._known: dict[_Bytes, RecommendationQuery] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, scope: Scope, user_id: str) -> RecommendationQuery | None:
        """Give the question of a request, asked for a user; None where such bytes were not read yet."""
        known = self._known.get(_bytes_of(scope))
        return None if known is None else replace(known, user_id=user_id)

    def keep(self, scope: Scope, query: RecommendationQuery) -> None:
        """Keep what FastAPI read from a request, and found right."""
        key = _bytes_of(scope)
        if len(key[0]) + len(key[1] or b"") > LONGEST:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = replace(query, user_id=None)


def _bytes_of(scope: Scope) -> _Bytes:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return scope["query_string"], next((value for name, value in headers if name == _LANGUAGE), None)
