"""Counts and times every request, by the template of its route. Plain ASGI: bodies stream through.

`CountedRequests` is the outermost layer, so that what other layers refuse is counted too; `RouteNames` is the
innermost, where the route is known. They share one small object in the scope, which survives copies of the scope in
between.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics

SEEN = "ktup.seen"
UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Seen:
    """What the layers learn of one request: its route's template, and the status that was sent."""

    __slots__ = ("route", "status")

    def __init__(self) -> None:
        self.route = UNMATCHED
        self.status = 500


class CountedRequests:
    """Counts each request when its answer is out. The method is one of the known ones, or `other`."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = Seen()
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            await send(message)

        try:
            await self._app({**scope, SEEN: seen}, receive, noted)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.request(method, seen.route, seen.status, time.perf_counter() - began)


class RouteNames:
    """Notes the template of the route that took the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, then look where it went."""
        try:
            await self._app(scope, receive, send)
        finally:
            seen, route = scope.get(SEEN), scope.get("route")
            if seen is not None and route is not None:
                seen.route = route.path
