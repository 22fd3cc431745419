"""The body of every error: a problem of RFC 9457, with a code for programs and the id of the request for people."""

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One parameter that has to change."""

    field: str = Field(description="The parameter, as it was named in the request.", examples=["limit"])
    message: str = Field(description="What was expected.", examples=["Input should be less than or equal to 100"])


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="A URN that names the kind of problem.", examples=["urn:ktup:problem:unknown_user"])
    title: str = Field(description="The kind of problem in words; the same for all of its kind.")
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What went wrong this time.", examples=["No user has the id 'u0'."])
    code: str = Field(description="The kind of problem, for programs.", examples=["unknown_user"])
    request_id: str = Field(description="Names this request in the logs; also sent as `X-Request-ID`.")
    errors: list[FieldProblem] | None = Field(None, description="The parameters to change, where there are such.")
    missing: dict[str, str] | None = Field(
        None, description="For `not_ready`: each missing part, and what is wrong with it."
    )
