"""A small HTTP/1.1 client for measuring: some kept connections, one request at a time on each, answers read whole.

Clients for general use cost more than the servers that are measured here.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

import numpy as np

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class RequestFailed(Exception):
    """An answer was not 200, or the server went away."""


class Connection(asyncio.Protocol):
    """One kept connection; gives each answer's body."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what writes."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(RequestFailed(f"the connection was closed: {error}"))

    def data_received(self, data: bytes) -> None:
        """Read on; complete the answer when all of it is there."""
        self._buffer += data
        head = self._buffer.find(_END)
        if head < 0:
            return
        start = self._buffer.lower().find(_LENGTH, 0, head) + len(_LENGTH)
        end = head + len(_END) + int(self._buffer[start : self._buffer.find(b"\r", start)])
        if len(self._buffer) >= end and self._answer is not None and not self._answer.done():
            whole, self._buffer = bytes(self._buffer[:end]), self._buffer[end:]
            if whole[9:12] == b"200":
                self._answer.set_result(whole[head + len(_END) :])
            else:
                self._answer.set_exception(RequestFailed(whole[:2_000].decode("utf-8", "replace")))

    async def send(self, request: bytes) -> bytes:
        """Send a request and wait for the body of its answer.

        Raises:
            RequestFailed: it was not 200, or none came.
        """
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


def get(path: str) -> bytes:
    """Write a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("ascii")


def post(path: str, body: bytes) -> bytes:
    """Write a POST request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode("ascii") + _END + body


@dataclass
class Load:
    """What a load saw: seconds of each answer (from when it was due), and the wall time of it all."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share (0 to 100) of the answers came."""
        return float(np.percentile(self.latencies, share) * 1_000)


async def _connect(port: int, n: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(n)]


async def saturate(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Load:
    """Send the next request on each connection as soon as its last answer is there, for some seconds."""
    load, open_connections = Load(), await _connect(port, connections)
    until = time.perf_counter() + seconds

    async def run(connection: Connection) -> None:
        while (began := time.perf_counter()) < until:
            with suppress(StopIteration):
                request = next(requests)
                await connection.send(request)
                load.latencies.append(time.perf_counter() - began)
                continue
            return

    await _timed(load, [run(connection) for connection in open_connections])
    for connection in open_connections:
        connection.close()
    return load


async def at_rate(port: int, requests: Iterator[bytes], connections: int, seconds: float, rate: float) -> Load:
    """Send requests when they are due, `rate` a second, whatever the answers do: waiting for a connection counts."""
    load, open_connections = Load(), await _connect(port, connections)
    began, numbers = time.perf_counter(), count()

    async def run(connection: Connection) -> None:
        while (due := began + next(numbers) / rate) < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await connection.send(next(requests))
            load.latencies.append(time.perf_counter() - due)

    await _timed(load, [run(connection) for connection in open_connections])
    for connection in open_connections:
        connection.close()
    return load


async def _timed(load: Load, runs: list[Coroutine[Any, Any, None]]) -> None:
    began = time.perf_counter()
    await asyncio.gather(*runs)
    load.seconds = time.perf_counter() - began
