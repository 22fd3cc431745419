"""What a call may end in, other than its answer.

ClientError
    Unreachable(reason)       no answer came: refused, broken off, or too late
    UnreadableAnswer(reason)  an answer came, but not one of this service
    ApiError(status, code, detail, request_id, fields, missing, retry_after)
        BadRequest  422       Unauthorised  401       Forbidden    403       NotFound     404
        Conflict    409       Gone          410       TooLarge     413       RateLimited  429
        ServerError 5xx       Unavailable   503
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx


class ClientError(Exception):
    """The root of what the client raises."""


class Unreachable(ClientError):
    """No answer came, or it broke off; whether the server did what was asked is not known."""


class UnreadableAnswer(ClientError):
    """The answer is none of this service: something else may listen there."""


@dataclass(frozen=True)
class FieldProblem:
    """A parameter to change, and what was expected of it."""

    field: str
    message: str


@dataclass(eq=False)
class ApiError(ClientError):
    """The server refused a call, and says why; `code` is for programs, `request_id` for its log."""

    status: int
    code: str
    detail: str
    request_id: str
    fields: tuple[FieldProblem, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None

    @property
    def field(self) -> str | None:
        """The first parameter to change; None where the trouble is none of a parameter."""
        return self.fields[0].field if self.fields else None

    def __str__(self) -> str:
        told = "".join(f" {each.field}: {each.message}" for each in self.fields)
        return f"{self.status} {self.code}: {self.detail}{told} (request {self.request_id or 'without an id'})"


class BadRequest(ApiError):
    """422: a parameter cannot be used; `fields` names it."""


class Unauthorised(ApiError):
    """401: the key is missing, wrong or revoked."""


class Forbidden(ApiError):
    """403: the key may not do this."""


class NotFound(ApiError):
    """404: nothing has this id; `code` says which kind of thing."""


class Conflict(ApiError):
    """409: what is stored does not allow it."""


class Gone(ApiError):
    """410: the list of a cursor cannot be followed any more; ask for its first page again."""


class TooLarge(ApiError):
    """413: the body is too large."""


class RateLimited(ApiError):
    """429: the key calls too often; `retry_after` says when it may again."""


class ServerError(ApiError):
    """5xx: the fault is the server's."""


class Unavailable(ServerError):
    """503: a part that is needed is away for now."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: Unauthorised, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone, 413: TooLarge, 422: BadRequest,
    429: RateLimited, 503: Unavailable,
}  # fmt: skip


def api_error(response: httpx.Response) -> ApiError:
    """Read a refusal; one that is no problem of this service, such as a proxy's, gets the code `http_STATUS`."""
    body = _problem(response)
    status = response.status_code
    kind = _BY_STATUS.get(status, ServerError if status >= httpx.codes.INTERNAL_SERVER_ERROR else ApiError)
    return kind(
        status,
        str(body.get("code", f"http_{status}")),
        str(body.get("detail", response.reason_phrase)),
        str(body.get("request_id") or response.headers.get("x-request-id", "")),
        tuple(FieldProblem(str(each["field"]), str(each["message"])) for each in body.get("errors") or ()),
        dict(body.get("missing") or {}),
        retry_after(response),
    )


def _problem(response: httpx.Response) -> dict[str, Any]:
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return {}
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait, whether told as a number or as a date; None if it asks for nothing."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
