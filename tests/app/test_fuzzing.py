"""Whatever may be sent by the OpenAPI document, or just may not, gets an answer that the document describes.

No server error, no undocumented status or content type, no body that differs from its schema: on both kinds of
backend, with keys in use. Half of the ids are such that exist, so that calls get beyond "unknown".
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
import pytest
import requests
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.client.call import quoted
from app.db.session import Database
from app.main import create_app
from app.routers.api import create_api
from tests.app import world
from tests.app.conftest import Backend
from tests.app.memory_release import MemoryStore
from tests.app.test_access import bearer, make_key

BASE = "http://test"
LONGEST_URL = 60_000  # of a longer one, neither httpx nor a server makes anything
ENTITIES = ["f1", "f2", "f3", "f9", "scott", "horror"]
RELATIONS = ["director", "genre", "sequel_of", "late_relation"]
KNOWN: Mapping[str, Sequence[Any]] = {
    "user_id": ["u1", "u2", "late", "all", "a/b", ".."],
    "item_id": ["i1", "i2", "i7", "a/b", ".."],
    "entity_id": ENTITIES,
    "relation_id": RELATIONS,
    "candidate_id": ["1", "2"],
    "head": ENTITIES,
    "relation": RELATIONS,
    "tail": ENTITIES,
    "filter": [["director:scott"], ["item.title:Alien"]],
    "exclude": [["i2", "nothing"]],
    "items": [["i1", "i2"], ["i7"]],
    "user_ids": [["u1", "late", "nobody"]],
    "query": ["ridley", "a"],
    "least_score": [-9.0],
}

Case: TypeAlias = schemathesis.Case[Any]
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@asynccontextmanager
async def service(backend: Backend, store: MemoryStore) -> AsyncIterator[httpx.AsyncClient]:
    """A service where keys are in use, with the world stored and a release active."""
    database = Database(backend.database_url)
    await world.store(database, world.tables())
    key = await make_key(database, rate_limit="1000000/second")
    await database.close()
    app = create_app(backend.settings(), store)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=bearer(key)) as client:
            answer = await client.post(f"/releases/{next(iter(store.releases))}/activate")
            assert answer.status_code == 200, answer.text
            yield client


@contextmanager
def running(backend: Backend, store: MemoryStore) -> Iterator[tuple[BlockingPortal, httpx.AsyncClient]]:
    """The same in a thread of its own, as cases are drawn where nothing can be awaited."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(service(backend, store)) as client:
        yield portal, client


def send(portal: BlockingPortal, client: httpx.AsyncClient, case: Case) -> Response:
    """Send a case as it would go over the wire."""
    arguments = case.as_transport_kwargs(base_url=BASE)
    arguments.pop("timeout", None)
    wire = requests.Request(**arguments).prepare()
    # Of a path, `requests` makes another: it reads `%2E%2E` as "one folder up".
    url = f"{arguments['url']}?{urlsplit(wire.url or '').query}"
    assume(len(url) < LONGEST_URL)
    body = wire.body.encode() if isinstance(wire.body, str) else wire.body
    assert body is None or isinstance(body, bytes)
    headers = {name: str(value) for name, value in wire.headers.items() if name.lower() != "content-length"}

    async def call() -> httpx.Response:
        return await client.request(case.method, url, headers=headers, content=body)

    return Response.from_httpx(portal.call(call), verify=False)


def put_known(data: st.DataObject, case: Case, releases: Sequence[str]) -> None:
    """Put ids that exist into some of the places where ids stand."""
    known = {**KNOWN, "release_id": releases, "against": releases, "a": releases, "b": releases}
    body = case.body if isinstance(case.body, list) else [case.body]
    for where in (case.path_parameters, case.query, *body):
        if isinstance(where, dict):
            for name in sorted(where.keys() & known.keys()):
                if data.draw(st.booleans(), label=f"{name} exists"):
                    value = data.draw(st.sampled_from(known[name]), label=name)
                    where[name] = quoted(name, value) if where is case.path_parameters else value


def has_rules(operation: Any) -> bool:
    """Tell whether anything can be sent that the document does not allow; a path of ids takes every text."""
    return bool(operation.body) or any(each.location == "query" for each in operation.iter_parameters())


@dataclass
class Findings:
    """What went wrong, and how often which status came."""

    wrong: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def note(self, case: Case, response: Response) -> None:
        self.statuses[response.status_code] += 1
        try:
            case.validate_response(response, checks=list(CHECKS))
        except FailureGroup as group:
            self.wrong.append(f"{case.operation.label}: {group}: {[str(each) for each in group.exceptions]}")


def draw(strategy: st.SearchStrategy[Case], examples: int, act: Callable[[st.DataObject, Case], None]) -> None:
    """Act on some cases, the same ones each time."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        act(data, data.draw(strategy))

    check()


def explore(backend: Backend, store: MemoryStore, examples: int) -> Findings:
    """Send some cases of each kind to each operation."""
    found, releases = Findings(), list(store.releases)
    schema = schemathesis.openapi.from_dict(create_api().openapi())
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    with running(backend, store) as (portal, client):

        def act(data: st.DataObject, case: Case) -> None:
            put_known(data, case, releases)
            found.note(case, send(portal, client, case))

        # What deletes comes last: until then, there is something to find.
        for operation in sorted(operations, key=lambda each: bool(each.method == "delete")):
            draw(operation.as_strategy(GenerationMode.POSITIVE), examples, act)
            if has_rules(operation):
                draw(operation.as_strategy(GenerationMode.NEGATIVE), examples, act)
    return found


def test_every_call_is_answered_as_documented(backend: Backend, releases: MemoryStore) -> None:
    found = explore(backend, releases, examples=2)
    assert found.wrong == []
    assert {200, 404, 422} <= set(found.statuses)


@pytest.mark.slow
def test_every_call_is_answered_as_documented_at_length(backend: Backend, releases: MemoryStore) -> None:
    found = explore(backend, releases, examples=10)
    assert found.wrong == []
    assert {200, 404, 409, 422} <= set(found.statuses)
