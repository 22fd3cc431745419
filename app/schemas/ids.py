"""External ids as parameters: any text, in a query or in one segment of a path."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from app.identifiers import MAX_ID_BYTES, id_problem

SLASH_IN_SEGMENT = "\udc2f"
"""Stands for a `/` that was sent as `%2F`. Decoding UTF-8 never gives this code point, so nothing is confused."""

SPELLED_OUT = "\udc25"
"""Stands before a segment that would be a word of a route, but was percent-encoded: then it is an id."""


def _check(text: str) -> str:
    problem = id_problem(text)
    if problem is not None:
        raise PydanticCustomError("id", "This id {problem}.", {"problem": problem})
    return text


def _restore(segment: str) -> str:
    return segment.removeprefix(SPELLED_OUT).replace(SLASH_IN_SEGMENT, "/")


def id_in(segment: str) -> str | None:
    """Read the id that a segment of a path holds, as `UserId` and its like do; None where it is none."""
    text = _restore(segment)
    return text if id_problem(text) is None else None


ExternalId = Annotated[str, AfterValidator(_check)]
"""An id as a query parameter: not empty, valid Unicode, no NUL, at most 800 bytes."""

_PathId = Annotated[str, AfterValidator(_restore), AfterValidator(_check)]
_RULE = f"Any text of at most {MAX_ID_BYTES} bytes, percent-encoded: a slash as `%2F`, a percent sign as `%25`."

UserId = Annotated[_PathId, Path(description=f"The user's id. {_RULE}", examples=["u1"])]
ItemId = Annotated[_PathId, Path(description=f"The item's id. {_RULE}", examples=["i9"])]
RelationId = Annotated[_PathId, Path(description=f"The relation's id. {_RULE}", examples=["director"])]
EntityId = Annotated[_PathId, Path(description=f"The entity's id. {_RULE}", examples=["e4"])]
ReleaseId = Annotated[_PathId, Path(description=f"The release's id, as `GET /releases` lists it. {_RULE}")]
