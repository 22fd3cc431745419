"""The page at `/`, its files under `/static/`, and `/docs`: plain routes, outside of the OpenAPI document."""

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from app.web.assets import Asset, Site, read_site

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_STRICT = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _STRICT,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@cache
def site() -> Site:
    """Read the files once for this process."""
    return read_site()


async def explorer(request: Request) -> Response:
    """Send the explorer."""
    return _send(request, site().pages["explorer.html"], _ASK_AGAIN)


async def documentation(request: Request) -> Response:
    """Send the page that shows the OpenAPI document."""
    return _send(request, site().pages["docs.html"], _ASK_AGAIN)


async def static(request: Request) -> Response:
    """Send a file. Under the address of another version it is sent too, and not kept: a page may be older than this."""
    asset = site().files.get(request.path_params["name"])
    if asset is None:
        return Response("There is no such file.", 404, _HEADERS, "text/plain")
    return _send(request, asset, _FOR_EVER if request.path_params["version"] == site().version else _ASK_AGAIN)


class _Named(Route):
    """A route that leaves itself in the scope, as FastAPI's do: requests are counted by it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return match, {**child, "route": self}


ROUTES = (
    _Named("/", explorer),
    _Named("/docs", documentation),
    _Named("/static/{version}/{name:path}", static),
)


def _send(request: Request, asset: Asset, kept: str) -> Response:
    zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{asset.etag}{"-gzip" if zipped else ""}"'
    headers = {**_HEADERS, "Cache-Control": kept, "ETag": etag, "Vary": "Accept-Encoding"}
    if etag in [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]:
        return Response(None, 304, headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.zipped if zipped else asset.content, 200, headers, asset.media_type)


def _takes_gzip(accepted: str) -> bool:
    """Whether a client said that it takes gzip.

    >>> _takes_gzip("br, gzip;q=0.5"), _takes_gzip("gzip;q=0"), _takes_gzip("")
    (True, False, False)
    """
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
