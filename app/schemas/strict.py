"""What is read strictly: calls without parameters, and bodies, whose values have the types that the document names."""

from pydantic import BaseModel, BeforeValidator, ConfigDict


class NoParameters(BaseModel):
    """Nothing can be asked for: any parameter is a mistake, and is told."""

    model_config = ConfigDict(extra="forbid")


class StrictBody(BaseModel):
    """A body, or a part of one: a field that is not known is a mistake, and so are `"4.5"` or `true` for a number.

    Queries stay lax: all that they can say is text.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""For each `int` of a body: in JSON Schema 4.0 is an integer, which a strict `int` would refuse."""
