"""Errors as HTTP: the only place that knows both their classes and their status codes (RFC 9457)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from app import errors
from app.errors import ServiceError
from app.logs import REQUEST_ID
from app.schemas.problems import FieldProblem, Problem

MEDIA_TYPE = "application/problem+json"
_SHOWN = 200  # characters of a caller's own text that an answer repeats
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TOLD = 50  # mistakes of one call that an answer names: a small body can hold a million


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of errors is told."""

    status: int
    code: str
    title: str
    retry_after: int | None = None


KINDS: Mapping[type[ServiceError], Kind] = {
    errors.UnknownUser: Kind(404, "unknown_user", "Unknown user"),
    errors.UnknownItem: Kind(404, "unknown_item", "Unknown item"),
    errors.UnknownEntity: Kind(404, "unknown_entity", "Unknown entity"),
    errors.UnknownRelation: Kind(404, "unknown_relation", "Unknown relation"),
    errors.UnknownFact: Kind(404, "unknown_fact", "Unknown fact"),
    errors.UnknownCandidate: Kind(404, "unknown_candidate", "Unknown candidate"),
    errors.AlreadyDecided: Kind(409, "already_decided", "Already decided"),
    errors.UnknownRelease: Kind(404, "unknown_release", "Unknown release"),
    errors.NotInRelease: Kind(409, "not_in_release", "Not in the active release"),
    errors.ReleaseNotLoaded: Kind(409, "release_not_loaded", "Release not loaded"),
    errors.ReleaseRefused: Kind(409, "release_refused", "Release refused"),
    errors.NoFormerRelease: Kind(409, "no_former_release", "No former release"),
    errors.NoExperiment: Kind(404, "no_experiment", "No experiment"),
    errors.UnknownJob: Kind(404, "unknown_job", "Unknown training job"),
    errors.JobConflict: Kind(409, "job_conflict", "A training job for the same data has not ended"),
    errors.JobFinished: Kind(409, "job_finished", "The training job has ended"),
    errors.InvalidQuery: Kind(422, "invalid_query", "Invalid query"),
    errors.CursorExpired: Kind(410, "cursor_expired", "Cursor expired"),
    errors.NoActiveRelease: Kind(503, "no_active_release", "No active release", retry_after=5),
    errors.StorageUnavailable: Kind(503, "storage_unavailable", "Storage unavailable", retry_after=2),
    errors.VectorEngineUnavailable: Kind(503, "vector_engine_unavailable", "Vector engine unavailable", retry_after=3),
    errors.Overloaded: Kind(503, "overloaded", "Overloaded", retry_after=1),
    errors.InvalidKey: Kind(401, "invalid_key", "Invalid key"),
    errors.MissingKey: Kind(401, "missing_key", "Key missing"),
    errors.NotAllowed: Kind(403, "not_allowed", "Not allowed"),
    errors.ForeignOrigin: Kind(403, "foreign_origin", "Foreign origin"),
    errors.ForeignHost: Kind(403, "foreign_host", "Foreign host"),
    errors.RateLimited: Kind(429, "rate_limited", "Too many requests", retry_after=1),
    errors.BodyTooLarge: Kind(413, "body_too_large", "Body too large"),
    errors.NotReady: Kind(503, "not_ready", "Not ready", retry_after=2),
}
INVALID_PARAMETER = Kind(422, "invalid_parameter", "Invalid parameter")
INTERNAL_ERROR = Kind(500, "internal_error", "Internal error")


def problem_response(
    kind: Kind,
    detail: str,
    *,
    fields: Sequence[FieldProblem] | None = None,
    missing: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write a problem as a response."""
    body = problem_body(kind, detail).model_copy(
        update={
            "errors": list(fields) if fields is not None else None,
            "missing": dict(missing) if missing is not None else None,
        }
    )
    retry = {"Retry-After": str(kind.retry_after)} if kind.retry_after is not None else {}
    content = body.model_dump_json(exclude_none=True)
    return Response(content, kind.status, {**(headers or {}), **retry}, media_type=MEDIA_TYPE)


def problem_body(kind: Kind, detail: str) -> Problem:
    """Say what went wrong, for the request that is being answered."""
    return Problem(
        type=f"urn:ktup:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        code=kind.code,
        request_id=REQUEST_ID.get() or "",
    )


def problem_of(error: ServiceError) -> Problem:
    """Say what an error would have been told as, where it is one of several results."""
    return problem_body(_kind(error), _shown(error.message))


def install(app: FastAPI) -> None:
    """Tell every error of the service, of the framework and of validation as a problem."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


def problems(*classes: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """Document the errors of a route for OpenAPI; those of validation and our own bugs are always among them."""
    documented = [*(KINDS[cls] for cls in classes), INVALID_PARAMETER, INTERNAL_ERROR]
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in documented:
        entry = responses.setdefault(kind.status, {"description": "", "content": {MEDIA_TYPE: {"examples": {}}}})
        entry["description"] = " / ".join(filter(None, (entry["description"], kind.title)))
        entry["content"][MEDIA_TYPE]["schema"] = {"$ref": "#/components/schemas/Problem"}
        entry["content"][MEDIA_TYPE]["examples"][kind.code] = {"value": _example(kind)}
        if kind.retry_after is not None:
            entry["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return responses


def _example(kind: Kind) -> dict[str, object]:
    return {
        "type": f"urn:ktup:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": "What went wrong this time.",
        "code": kind.code,
        "request_id": "3f1c9a52e0d74b6b8a3e5d1c7f20b9aa",
    }


async def _service_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return error_response(error)


def error_response(error: ServiceError, headers: Mapping[str, str] | None = None) -> Response:
    """Tell an error of the service as a problem."""
    kind = _kind(error)
    fields = None
    if isinstance(error, errors.InvalidQuery):
        fields = [FieldProblem(field=field, message=error.message) for field in error.fields]
    missing = error.missing if isinstance(error, errors.NotReady) else None
    if isinstance(error, errors.RateLimited):
        kind = replace(kind, retry_after=error.seconds)
    return problem_response(kind, _shown(error.message), fields=fields, missing=missing, headers=headers)


def _kind(error: ServiceError) -> Kind:
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    fields = [_field(item) for item in found[:_TOLD]]
    more = f" There are {len(found) - _TOLD:,} more." if len(found) > _TOLD else ""
    return problem_response(INVALID_PARAMETER, invalid_detail(fields) + more, fields=fields)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework says so of a body that is no text at all; of one that is no JSON it says 422.
        fields = [FieldProblem(field="body", message="The body is not JSON in UTF-8.")]
        return problem_response(INVALID_PARAMETER, invalid_detail(fields), fields=fields)
    phrase = HTTPStatus(error.status_code).phrase
    kind = Kind(error.status_code, phrase.lower().replace(" ", "_"), phrase.capitalize())
    detail = {404: "No call has this path.", 405: "This path does not answer this method."}
    headers = {"Allow": ", ".join(_allowed(request.scope))} if error.status_code == 405 else error.headers
    return problem_response(kind, detail.get(error.status_code, _shown(str(error.detail))), headers=headers)


def _allowed(scope: Scope) -> Iterator[str]:
    """Name the methods of a path: it may have several routes, of which a router tells the first one's alone."""
    for method in _METHODS:
        # HEAD is answered wherever GET is (app/routers/middleware.py).
        asked = {
            "type": "http",
            "method": "GET" if method == "HEAD" else method,
            "path": scope["path"],
            "root_path": scope.get("root_path", ""),
        }
        if any(route.matches(asked)[0] is Match.FULL for route in scope["app"].routes):
            yield method


def invalid_detail(fields: Sequence[FieldProblem]) -> str:
    """Name the parameters to change in one sentence."""
    return "These parameters cannot be used: " + ", ".join(dict.fromkeys(f.field for f in fields)) + "."


def _field(item: Mapping[str, Any]) -> FieldProblem:
    """Name the parameter and the expectation; the value itself is not repeated."""
    place = [str(part) for part in item["loc"] if part not in ("query", "path", "body")]
    message = "There is no such parameter." if item["type"] == "extra_forbidden" else str(item["msg"])
    return FieldProblem(field=_shown(".".join(place) or "body"), message=_shown(message))


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
