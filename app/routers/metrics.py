"""Figures for Prometheus. Unknown parameters are let through here, as for health: a scraper may send some."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.metrics import MEDIA_TYPE, Metrics
from app.routers.problems import problems

router = APIRouter(tags=["operations"])
_TEXT = {"schema": {"type": "string"}, "example": "# HELP ktup_requests_total Answered requests.\n"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The text format of Prometheus.", "content": {"text/plain": _TEXT}},
    500: problems()[500],
}


@router.get("/metrics", response_class=Response, responses=_RESPONSES)
async def read_metrics(request: Request) -> Response:
    """Give requests, times, cache hits and queues, for Prometheus; labels are routes and layers, never ids."""
    metrics = request.app.state.metrics
    assert isinstance(metrics, Metrics), "the app was made without metrics"
    return Response(metrics.render(), media_type=MEDIA_TYPE)
