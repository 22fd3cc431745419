"""Where the contract is tested: a service with keys in use, and how its answers are looked at."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from app.db.session import Database
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore


@dataclass(frozen=True)
class Place:
    """A service with keys in use, the world stored and a release active; and what a case may need beside it."""

    client: httpx.AsyncClient
    backend: Backend
    database: Database
    releases: MemoryStore
    release_id: str
    other_id: str
    start: Start

    async def get(self, path: str, **query: Any) -> Any:
        return good(await self.client.get(path, params=query))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        return good(await self.client.request(method, path, json=body))

    async def refused(self, status: int, code: str, method: str, path: str, **more: Any) -> dict[str, Any]:
        return problem(await self.client.request(method, path, **more), status, code)

    async def listed(self, path: str = "/users/u1/recommendations", **query: Any) -> list[str]:
        return [item["item_id"] for item in (await self.get(path, **query))["items"]]


def good(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 202), answer.text
    assert answer.headers["api-version"]
    return answer.json()


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["api-version"]
    return body


Case = Callable[[Place], Awaitable[None]]


def cases_of(table: dict[str, Case]) -> Callable[[str], Callable[[Case], Case]]:
    """Give a decorator that puts a case under the words of its row."""

    def row(name: str) -> Callable[[Case], Case]:
        def put(case: Case) -> Case:
            table[name] = case
            return case

        return put

    return row
