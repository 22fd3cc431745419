"""Traces, where the group `otel` is installed: a span a request, the same ids in the log, and no query anywhere."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.db.session import Database
from app.logs import JsonFormatter
from app.main import create_app
from app.settings import SettingsError
from app.tracing import current_trace, trace_requests
from tests.app import world
from tests.app.conftest import Backend
from tests.app.memory_release import MemoryStore


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as lines are written with tracing."""
    found: list[dict[str, Any]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(JsonFormatter(current_trace).format(record)))

    handler, root = Kept(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield found
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.anyio
async def test_each_request_is_a_span_by_its_route_and_its_log_names_the_trace(
    sqlite: Backend, releases: MemoryStore, release_id: str, lines: list[dict[str, Any]]
) -> None:
    reason = "the group `otel` is not installed"
    pytest.importorskip("opentelemetry.instrumentation.fastapi", reason=reason)
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason=reason)
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter", reason=reason)
    database, exporter = Database(sqlite.database_url), memory.InMemorySpanExporter()
    await world.store(database, world.tables())
    await database.close()
    app = create_app(sqlite.settings(), releases)
    end = trace_requests(app, "http://localhost:4318/v1/traces", exporter)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        await client.post(f"/releases/{release_id}/activate")
        caller = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "x-request-id": "mine"}
        query = {"exclude": "a-secret-item", "explain": "summary"}
        answer = await client.get("/users/u1/recommendations", params=query, headers=caller)
        assert answer.status_code == 200, answer.text
        assert (await client.get("/users/nobody/recommendations")).status_code == 404
        assert (await client.get("/health/live")).status_code == 200
    end()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert set(spans) == {"POST /releases/{release_id}/activate", "GET /users/{user_id}/recommendations"}
    listed = [s for s in exporter.get_finished_spans() if s.name == "GET /users/{user_id}/recommendations"]
    statuses = [s.attributes.get("http.response.status_code", s.attributes.get("http.status_code")) for s in listed]
    assert statuses == [200, 404]
    assert f"{listed[0].context.trace_id:032x}" == "ab" * 16
    assert "a-secret-item" not in "".join(span.to_json() for span in exporter.get_finished_spans())
    (access,) = [line for line in lines if line["logger"] == "app.access" and line["request_id"] == "mine"]
    assert (access["trace_id"], access["span_id"]) == ("ab" * 16, f"{listed[0].context.span_id:016x}")


def test_without_the_group_the_setting_is_told_and_nothing_is_half_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    from fastapi import FastAPI

    with pytest.raises(SettingsError, match="KTUP_OTEL_ENDPOINT: needs `pip install --group otel`"):
        trace_requests(FastAPI(), "http://localhost:4318/v1/traces")


def test_outside_of_a_trace_a_log_line_has_no_trace() -> None:
    assert current_trace() == {}
