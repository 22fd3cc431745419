"""Paths by segment: an id may hold `/`, `%`, `..` or a word of a route, and still is one segment of its path.

ASGI servers decode a path as a whole, after which `a%2Fb` and `a/b` look alike. Here the raw path is split first, and
each segment decoded for itself; a slash inside a segment becomes `SLASH_IN_SEGMENT` until the id is read.
"""

from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from app.routers.problems import INVALID_PARAMETER, invalid_detail, problem_response
from app.schemas.ids import SLASH_IN_SEGMENT, SPELLED_OUT
from app.schemas.problems import FieldProblem

_WORDS = frozenset({"popular"})
"""Words of routes that stand where an id may stand: `/items/popular` is a list, `/items/%70opular` an item."""


class PathSegments:
    """Decodes paths by segment, and refuses queries that are not UTF-8."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path decoded."""
        if scope["type"] == "http":
            if "raw_path" in scope:
                scope = {**scope, "path": decode_path(scope["raw_path"])}
            bad = undecodable_parameters(scope["query_string"])
            if bad:
                fields = [FieldProblem(field=name, message="The value is not valid UTF-8.") for name in bad]
                await problem_response(INVALID_PARAMETER, invalid_detail(fields), fields=fields)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def decode_path(raw_path: bytes) -> str:
    """Decode each segment of a raw path. Bytes that are not UTF-8 become lone surrogates, which no id may hold.

    >>> decode_path(b"/users/a%2Fb/recommendations") == f"/users/a{SLASH_IN_SEGMENT}b/recommendations"
    True
    """
    segments = raw_path.split(b"?", 1)[0].split(b"/")
    return "/".join(_decode_segment(segment) for segment in segments)


def _decode_segment(segment: bytes) -> str:
    text = unquote_to_bytes(segment).decode("utf-8", "surrogateescape").replace("/", SLASH_IN_SEGMENT)
    return SPELLED_OUT + text if text in _WORDS and b"%" in segment else text


def undecodable_parameters(query: bytes) -> list[str]:
    """Name the parameters whose bytes are not UTF-8; the framework would read them as other characters."""
    bad = []
    for pair in query.split(b"&"):
        try:
            unquote_to_bytes(pair).decode("utf-8")
        except UnicodeDecodeError:
            name = unquote_to_bytes(pair.partition(b"=")[0])
            bad.append(name.decode("utf-8", "replace")[:100])
    return bad
