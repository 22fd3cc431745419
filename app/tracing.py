"""Traces by OpenTelemetry, where `KTUP_OTEL_ENDPOINT` is set and the group `otel` installed: a span for each request.

A span names the route and the status. What it tells of the path is what the access log tells, without the query, which
may name people's items. Headers, sampling and the name of the service are set by OpenTelemetry's own variables.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from app.settings import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

_UNASKED = "health/.*,metrics"
"""Calls of machines that watch, every few seconds: nobody looks for their traces."""

_INNER: Any = ["receive", "send"]
"""Spans of the pieces of a message, which say nothing of ours."""

_PATHS = ("http.target", "http.url", "url.path", "url.full")


def trace_requests(api: "FastAPI", endpoint: str, exporter: Any = None) -> Callable[[], None]:
    """Make a span for each request, and send them in the background; gives what sends the last ones and ends it.

    Args:
        api: whose requests; called before it answers the first.
        endpoint: where spans go, by OTLP over HTTP.
        exporter: takes the spans instead, for tests; at once, not in the background.

    Raises:
        SettingsError: the group `otel` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ImportError as error:
        raise SettingsError([f"KTUP_OTEL_ENDPOINT: needs `pip install --group otel` ({error})"]) from None
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "ktup-recommender")})
    provider = TracerProvider(resource=resource)
    processor = SimpleSpanProcessor(exporter) if exporter else BatchSpanProcessor(OTLPSpanExporter(endpoint))
    provider.add_span_processor(processor)
    FastAPIInstrumentor.instrument_app(
        api, server_request_hook=_tell_path, tracer_provider=provider, excluded_urls=_UNASKED, exclude_spans=_INNER
    )
    end: Callable[[], None] = provider.shutdown
    return end


def _tell_path(span: Any, scope: Mapping[str, Any]) -> None:
    """Tell the path alone, as it was sent, wherever the conventions of the day put it."""
    told, path = getattr(span, "attributes", None) or {}, scope.get("raw_path", b"").decode("ascii", "replace")
    for name in _PATHS:
        if name in told:
            span.set_attribute(name, path)
    if "url.query" in told:
        span.set_attribute("url.query", "")


def current_trace() -> dict[str, str]:
    """Give the trace and span that the running code belongs to, as fields of a log line; none without tracing."""
    with suppress(ImportError):
        from opentelemetry import trace

        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    return {}
