"""What happens around every request, as plain ASGI: each layer is one function call, and bodies stream through."""

import logging
import re
import time
import uuid
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import REQUEST_ID
from app.routers.problems import INTERNAL_ERROR, problem_response

API_VERSION = "1"
_access = logging.getLogger("app.access")
_log = logging.getLogger(__name__)
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class RequestContext:
    """Gives each request an id, each answer its headers, each call a line in the log, and each bug a plain 500.

    HEAD is answered here, too: as GET by all that stands within, and without its content.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        token = REQUEST_ID.set(request_id)
        head = scope["method"] == "HEAD"
        answer = _Answer(send, request_id, head)
        try:
            await self._answer({**scope, "method": "GET"} if head else scope, receive, answer)
        finally:
            _log_access(scope, answer)
            REQUEST_ID.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            if answer.status is not None:
                # Half of the answer is out. The server logs the error and cuts the connection.
                raise
            _log.exception("a request failed")
            response = problem_response(INTERNAL_ERROR, "Something is wrong on our side; the request id names it.")
            await response(scope, receive, answer.send)


# What each answer tells a browser, unless its route says otherwise: take the content for what it is called, and tell no
# other site of our paths, which hold ids. Of data, too: it is about people, so no cache keeps it; it is no page to show
# in a frame, and nothing in it is ever run.
_SAFE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_DATA = ((b"cache-control", b"no-store"), (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"))
_JSON = b"application/"
_OURS = (b"x-request-id", b"api-version")


class _Answer:
    """Sends an answer with our headers, to HEAD without its content, and remembers its status."""

    def __init__(self, send: Send, request_id: str, head: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._head = head
        self.status: int | None = None
        self.began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": _with_ours(message.get("headers", ()), self._request_id)}
        elif self._head:
            message = {**message, "body": b""}
        await self._send(message)


def _with_ours(given: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """Add our headers to those of an answer, in bytes: by Starlette's class it takes three times as long."""
    headers = [(name, value) for name, value in given if name.lower() not in _OURS]
    has = {name.lower(): value for name, value in reversed(headers)}
    headers += ((b"x-request-id", request_id.encode("ascii")), (b"api-version", API_VERSION.encode("ascii")))
    more = _SAFE + _DATA if has.get(b"content-type", _JSON).startswith(_JSON) else _SAFE
    return headers + [header for header in more if header[0] not in has]


def _request_id(scope: Scope) -> str:
    """Take the caller's id if it can stand in a log and a header as it is; make one otherwise."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def _log_access(scope: Scope, answer: _Answer) -> None:
    _access.info(
        "request",
        extra={
            "method": scope["method"],
            # As it was sent: ASCII, and without the query, which may name people's items.
            "path": scope.get("raw_path", b"").decode("ascii", "replace"),
            "status": answer.status,
            "ms": round((time.perf_counter() - answer.began) * 1000, 2),
        },
    )
