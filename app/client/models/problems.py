"""A refusal where it is one of several results."""

from pydantic import BaseModel


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    status: int
    code: str
    title: str
    detail: str
    request_id: str
