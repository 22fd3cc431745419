"""Recommendations for many users: the call, and a status for each of them."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from app.schemas.ids import ExternalId
from app.schemas.problems import Problem
from app.schemas.recommendations import EXAMPLE as LIST_EXAMPLE
from app.schemas.recommendations import RecommendationList, RecommendationParameters, render
from app.services.batches import Batch
from app.services.recommendations import Recommendations

MAX_USERS = 1_000


class BatchBody(RecommendationParameters):
    """Which users, and what each of them is asked for; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"user_ids": ["u1", "u2"], "limit": 3}]})

    user_ids: list[ExternalId] = Field(
        min_length=1,
        max_length=MAX_USERS,
        description="The users. One who is named twice is computed once and told twice.",
        examples=[["u1", "u2"]],
    )

    def batch(self, accept_language: str | None = None) -> Batch:
        """Say what is asked for, without HTTP."""
        users = tuple(dict.fromkeys(self.user_ids))
        return Batch(users, self.query(users[0], (), accept_language))


class BatchResult(BaseModel):
    """What one user got."""

    user_id: str = Field(description="The user, as named in the call.", examples=["u1"])
    status: Literal[200, 404] = Field(description="The status that a call for this user alone would have had.")
    recommendations: RecommendationList | None = Field(description="The list; null with a status other than 200.")
    problem: Problem | None = Field(description="What went wrong; null with status 200.")


class BatchList(BaseModel):
    """One result for each user of the call, in the order of the call."""

    results: list[BatchResult] = Field(description="As many as `user_ids` has, in its order.")


_PROBLEM = {
    "type": "urn:ktup:problem:unknown_user",
    "title": "Unknown user",
    "status": 404,
    "detail": "No user has the id 'u2'.",
    "code": "unknown_user",
    "request_id": "3f1c9a52e0d74b6b8a3e5d1c7f20b9aa",
    "errors": None,
    "missing": None,
}
EXAMPLE = {
    "results": [
        {"user_id": "u1", "status": 200, "recommendations": LIST_EXAMPLE, "problem": None},
        {"user_id": "u2", "status": 404, "recommendations": None, "problem": _PROBLEM},
    ]
}


def render_batch(user_ids: list[str], found: Mapping[str, Recommendations], unknown: Mapping[str, Problem]) -> bytes:
    """Write the results as the JSON that is sent; each list has the bytes that a call for its user alone would send."""
    written: dict[str, bytes] = {}
    for user_id in user_ids:
        if user_id not in written:
            written[user_id] = b"".join(_result(user_id, found.get(user_id), unknown.get(user_id)))
    return b'{"results":[' + b",".join(written[user_id] for user_id in user_ids) + b"]}"


def _result(user_id: str, result: Recommendations | None, problem: Problem | None) -> Iterator[bytes]:
    yield b'{"user_id":' + to_json(user_id)
    if result is not None:
        yield b',"status":200,"recommendations":' + render(result) + b',"problem":null}'
    elif problem is not None:
        told = problem.model_dump_json(exclude_none=True).encode("utf-8")
        yield b',"status":%d,"recommendations":null,"problem":%s}' % (problem.status, told)
