"""Recommendations for many users: the call, and a status for each of them."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, to_json

from app.schemas.ids import ExternalId
from app.schemas.problems import Problem
from app.schemas.recommendations import EXAMPLE as LIST_EXAMPLE
from app.schemas.recommendations import RecommendationList, RecommendationParameters, render
from app.schemas.strict import StrictBody
from app.services.batches import Batch
from app.services.recommendations import Recommendations

MAX_USERS = 1_000
MAX_IN_FULL = 300
"""Items that a batch explains in full: 5 to 9 s of CPU time for the sample, some three times that for MovieLens-1M."""


class BatchBody(RecommendationParameters, StrictBody):
    """Which users, and what each of them is asked for; a field that is not known is refused."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_ids": ["u1", "u2"], "limit": 3}]})

    user_ids: list[ExternalId] = Field(
        min_length=1,
        max_length=MAX_USERS,
        description="The users. One who is named twice is computed once and told twice. With `explain=full`, the users "
        f"times `limit` are at most {MAX_IN_FULL}.",
        examples=[["u1", "u2"]],
    )

    @field_validator("user_ids")
    @classmethod
    def _check_in_full(cls, user_ids: list[str], info: ValidationInfo) -> list[str]:
        # A limit that is refused itself is not there.
        items = len(set(user_ids)) * info.data.get("limit", 0)
        if info.data.get("explain") == "full" and items > MAX_IN_FULL:
            raise PydanticCustomError(
                "in_full",
                "With `explain=full`, the users times `limit` are at most {most}.",
                {"most": MAX_IN_FULL},
            )
        return user_ids

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


def render_result(result: Recommendations) -> bytes:
    """Write what one user got; the list has the bytes that a call for this user alone would send."""
    user_id, told = to_json(result.user_id), render(result)
    return b'{"user_id":%b,"status":200,"recommendations":%b,"problem":null}' % (user_id, told)


def render_problem(user_id: str, problem: Problem) -> bytes:
    """Write what went wrong for one user."""
    told = problem.model_dump_json(exclude_none=True).encode("utf-8")
    return b'{"user_id":%b,"status":%d,"recommendations":null,"problem":%b}' % (to_json(user_id), problem.status, told)


def render_batch(results: Iterable[bytes]) -> bytes:
    """Write the results as the JSON that is sent."""
    return b'{"results":[%b]}' % b",".join(results)
