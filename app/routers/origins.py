"""What browsers may do here: pages of other origins, and names that lead to this server without being its own.

A browser lets every page on the web send a POST to any address, this machine's own included, and adds `Origin` to it.
Where no key is asked for, such a page could activate a release: what changes something is refused unless it comes from
this server's own page, from an origin that the settings name, or from no browser at all.

A page can also have its own name lead to this machine, and then read answers as its own (DNS rebinding). `Host` still
has the page's name: it must be one of the names in the settings, where there are some.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import ForeignHost, ForeignOrigin
from app.routers.problems import error_response

_READING = ("GET", "HEAD", "OPTIONS")
# Probes ask by address: an orchestrator does not know the names.
_PROBES = ("/health/live", "/health/ready")

_ASKING = {b"origin", b"access-control-request-method"}

ALLOWED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ALLOWED_HEADERS = ("Authorization", "X-API-Key", "Content-Type", "X-Request-ID", "traceparent")
EXPOSED_HEADERS = ("X-Request-ID", "API-Version", "Retry-After")


class Origins:
    """Refuses requests of foreign pages, and for foreign names."""

    def __init__(self, app: ASGIApp, origins: Collection[str] = (), hosts: Collection[str] = ()) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        error = self._problem(scope) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
        else:
            await error_response(error)(scope, receive, send)

    def _problem(self, scope: Scope) -> ForeignHost | ForeignOrigin | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if self._hosts and without_port(host) not in self._hosts and scope["path"] not in _PROBES:
            return ForeignHost()
        origin = headers.get("origin")
        if origin is None or scope["method"] in _READING:
            return None
        origin = origin.lower()
        # Not parsed: what is no origin (`http://[`) has no host, and is a foreign one.
        own = host != "" and origin.partition("://")[2] == host
        return None if own or origin in self._origins else ForeignOrigin()


class ReadableAnswers(CORSMiddleware):
    """Tells the pages of named origins that they may read an answer, whichever layer within makes it.

    It stands around all that can refuse a request, or fail; `Preflights` stand further in.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or _is_preflight(scope):
            await self.app(scope, receive, send)
        else:
            await self.simple_response(scope, receive, send, request_headers=Headers(scope=scope))


class Preflights(CORSMiddleware):
    """Answers what a browser asks before a call, whatever the call itself would be told.

    It stands within the layers that give every answer an id and log it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and _is_preflight(scope):
            await self.preflight_response(Headers(scope=scope))(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and {name for name, _ in scope["headers"]} >= _ASKING


def without_port(host: str) -> str:
    """Give the name of a `Host` header.

    >>> [without_port(host) for host in ("example.org:8000", "127.0.0.1", "[::1]:8000")]
    ['example.org', '127.0.0.1', '[::1]']
    """
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
