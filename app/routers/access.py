"""Keys at the door, and bodies no larger than they may be. Plain ASGI, before any route is looked for."""

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import access
from app.errors import BodyTooLarge, MissingKey, ServiceError
from app.routers.origins import without_port
from app.routers.problems import error_response
from app.tenancy import of_tenant

# Probes, the document itself and the explorer's files need no key; what the explorer shows, it asks for with one.
_OPEN = re.compile(r"/|/static/.*|/health/(live|ready)|/docs(/.*)?|/openapi\.json")
# The first that fits counts; what none fits is `read` for GET and HEAD, and `write` otherwise.
_RULES: Sequence[tuple[str, re.Pattern[str], access.Scope]] = (
    ("POST", re.compile(r"/recommendations(/batch)?"), "read"),
    ("DELETE", re.compile(r"/users/[^/]+"), "admin"),
    ("POST", re.compile(r"/(releases|training-jobs)(/.*)?"), "admin"),
    ("DELETE", re.compile(r"/releases/ab"), "admin"),
)


def needed_scope(method: str, path: str) -> access.Scope | None:
    """Say which scope a call needs; None for what is open to everyone.

    >>> needed_scope("POST", "/recommendations/batch"), needed_scope("DELETE", "/users/u1"), needed_scope("GET", "/x")
    ('read', 'admin', 'read')
    """
    if _OPEN.fullmatch(path):
        return None
    for known_method, pattern, scope in _RULES:
        if method == known_method and pattern.fullmatch(path):
            return scope
    return "read" if method in ("GET", "HEAD") else "write"


class Access:
    """Lets a request pass if its key allows it, and lets it work on the data of the key's tenant."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        needed = needed_scope(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if needed is None:
            await self._app(scope, receive, send)
            return
        client = (scope.get("client") or ("",))[0]
        host = without_port(Headers(scope=scope).get("host", "").lower()).strip("[]")
        try:
            caller = await scope["app"].state.services.access.admit(_token(scope), client, needed, host)
        except ServiceError as error:
            headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, MissingKey) else None
            await error_response(error, headers)(scope, receive, send)
            return
        with of_tenant(caller.tenant_id):
            await self._app(scope, receive, send)


def _token(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else headers.get("x-api-key")


class BodyLimit:
    """Refuses bodies that are too large, before they are read where their length is told, and else as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers({})
        length = headers.get("content-length")
        if length is None and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        most = scope["app"].state.services.max_body_bytes
        messages = None if length is not None and _exceeds(length, most) else await _read(receive, most)
        if messages is None:
            await error_response(BodyTooLarge(most), {"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _Again(messages, receive), send)


def _exceeds(length: str, most: int) -> bool:
    """Whether a length that is told is greater than `most`; of thousands of digits Python makes no number.

    >>> [_exceeds(length, 10) for length in ("10", "11", "00010", "9" * 5_000, "a")]
    [False, True, False, True, False]
    """
    digits = length.lstrip("0")
    return length.isdecimal() and (len(digits) > len(str(most)) or int(digits or "0") > most)


async def _read(receive: Receive, most: int) -> list[Message] | None:
    """Read a body, which is small, or None if it is not."""
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            return None
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


class _Again:
    """Gives messages that were read before, then goes on."""

    def __init__(self, messages: list[Message], receive: Receive) -> None:
        self._messages = messages
        self._receive = receive

    async def __call__(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()
