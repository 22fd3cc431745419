"""The two clients. They differ in how they wait, and in nothing else."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, Self

import anyio
import httpx

from app.client.call import Call
from app.client.every_call import EveryCall
from app.client.methods import Answer, AsyncSender, Entry, Page, Sender
from app.client.retries import Retries, refusal, unreachable


class Client(EveryCall, Sender):
    """Calls a service and waits for its answers; made once, used by any number of threads, closed at the end.

    Args:
        base_url: where the service is, such as `http://127.0.0.1:8000`; it may end in a path.
        key: the API key; None where the service asks for none.
        timeout: seconds for connecting, and between two pieces of an answer.
        retries: when a call is sent again.
        transport: how requests travel, where it is not over the network (for tests).
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.Client(base_url=base_url, headers=_headers(key), timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[Answer]) -> Answer:
        """Send a call and give its answer.

        Raises:
            ApiError: the server refused it.
            Unreachable: no answer came.
            UnreadableAnswer: the answer is none of this service.
            ValueError: an id cannot be sent, or the parameters are longer than any address may be.
        """
        with self._open(call) as response:
            return call.read(response)

    def entries(self, call: Call[Page], of: Callable[[Page], Sequence[Entry]]) -> Iterator[Entry]:
        """Give the entries of all pages; each page is asked for when it is needed. Raises what `send` does."""
        page = self.send(call)
        yield from of(page)
        while page.next_cursor is not None:
            page = self.send(call.after(page.next_cursor))
            yield from of(page)

    def lines(self, call: Call[str]) -> Iterator[str]:
        """Give the lines of an answer as they come. Raises what `send` does, also in the middle."""
        with self._open(call, stream=True) as response:
            try:
                yield from response.iter_lines()
            except httpx.TransportError as error:
                raise unreachable(call, error) from error

    @contextmanager
    def _open(self, call: Call[Any], stream: bool = False) -> Iterator[httpx.Response]:
        response = self._answer(call, stream)
        try:
            yield response
        finally:
            response.close()

    def _answer(self, call: Call[Any], stream: bool) -> httpx.Response:
        for attempt in count():
            request = _request(self._http, call)
            try:
                response = self._http.send(request, stream=stream)
                if not response.is_success:
                    response.read()
            except httpx.TransportError as error:
                wait = self._retries.wait(call, attempt, unreachable(call, error))
            else:
                refused = refusal(response)
                if refused is None:
                    return response
                wait = self._retries.wait(call, attempt, refused)
            time.sleep(wait)
        raise AssertionError("unreachable: the last attempt raises")


class AsyncClient(EveryCall, AsyncSender):
    """The same for asynchronous programs: every method is awaited, and every iterator asynchronous."""

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.AsyncClient(base_url=base_url, headers=_headers(key), timeout=timeout, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[Answer]) -> Answer:
        """Send a call and give its answer. Raises what `Client.send` does."""
        async with self._open(call) as response:
            return call.read(response)

    async def entries(self, call: Call[Page], of: Callable[[Page], Sequence[Entry]]) -> AsyncIterator[Entry]:
        """Give the entries of all pages; each page is asked for when it is needed. Raises what `send` does."""
        page = await self.send(call)
        for entry in of(page):
            yield entry
        while page.next_cursor is not None:
            page = await self.send(call.after(page.next_cursor))
            for entry in of(page):
                yield entry

    async def lines(self, call: Call[str]) -> AsyncIterator[str]:
        """Give the lines of an answer as they come. Raises what `send` does, also in the middle."""
        async with self._open(call, stream=True) as response:
            try:
                async for line in response.aiter_lines():
                    yield line
            except httpx.TransportError as error:
                raise unreachable(call, error) from error

    @asynccontextmanager
    async def _open(self, call: Call[Any], stream: bool = False) -> AsyncIterator[httpx.Response]:
        response = await self._answer(call, stream)
        try:
            yield response
        finally:
            await response.aclose()

    async def _answer(self, call: Call[Any], stream: bool) -> httpx.Response:
        for attempt in count():
            request = _request(self._http, call)
            try:
                response = await self._http.send(request, stream=stream)
                if not response.is_success:
                    await response.aread()
            except httpx.TransportError as error:
                wait = self._retries.wait(call, attempt, unreachable(call, error))
            else:
                refused = refusal(response)
                if refused is None:
                    return response
                wait = self._retries.wait(call, attempt, refused)
            await anyio.sleep(wait)
        raise AssertionError("unreachable: the last attempt raises")


def _request(http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    try:
        return http.build_request(call.method, call.target, params=call.query, json=call.body)
    except httpx.InvalidURL as error:
        raise ValueError(f"{call.method} {call.path}: {error}") from None


def _headers(key: str | None) -> dict[str, str]:
    return {"Accept": "application/json, text/plain;q=0.9, */*;q=0.1"} | (
        {"Authorization": f"Bearer {key}"} if key else {}
    )
