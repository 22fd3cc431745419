"""What a cached answer is held against: servers that send the same ready bytes and do nothing else.

    stack       our whole app, by the settings of the environment; path and query read and checked; then the bytes
    layers      our whole app, and a route that reads nothing at all
    starlette   one route of Starlette, no layers
    asgi        no framework at all

Run as `python -m benchmarks.ready_bytes KIND PORT FILE`, with the server settings of `python -m app serve`.
"""

import sys
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as PlainResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.logs import configure_logging
from app.main import create_app
from app.schemas.ids import UserId
from app.schemas.recommendations import RecommendationParameters
from app.settings import load_settings

WHOLE = ("stack", "layers")
"""Those that are our whole app: they load the release, too."""
KINDS = (*WHOLE, "starlette", "asgi")


def stack(body: bytes) -> ASGIApp:
    """Everything that is around our own route, with its parameters."""
    api = create_app(load_settings())

    @api.get("/ready/{user_id}/bytes")
    async def send(user_id: UserId, parameters: Annotated[RecommendationParameters, Query()]) -> Response:
        parameters.query(user_id)
        return Response(body, media_type="application/json")

    return _found_first(api)


def layers(body: bytes) -> ASGIApp:
    """Everything that is around our own route, and nothing of a route's own: what no answer can be cheaper than."""
    api = create_app(load_settings())

    @api.get("/ready/{user_id}/bytes")
    async def send() -> Response:
        return Response(body, media_type="application/json")

    return _found_first(api)


def _found_first(api: FastAPI) -> FastAPI:
    # Routes are tried in turn: the last of all would cost more to find than ours, which stands among the first.
    api.router.routes.insert(0, api.router.routes.pop())
    return api


def starlette(body: bytes) -> ASGIApp:
    """A route and nothing around it."""

    async def send(_request: Request) -> PlainResponse:
        return PlainResponse(body, media_type="application/json")

    return Starlette(routes=[Route("/ready/{user_id}/bytes", send)])


def asgi(body: bytes) -> ASGIApp:
    """Two messages."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode("ascii"))]

    async def send_bytes(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return send_bytes


def main(kind: str, port: int, file: Path) -> None:
    """Serve until killed."""
    app = {"stack": stack, "layers": layers, "starlette": starlette, "asgi": asgi}[kind](file.read_bytes())
    configure_logging("info")
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
