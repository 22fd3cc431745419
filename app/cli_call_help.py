"""What the values of `python -m app call COMMAND` mean: in the words of the OpenAPI document, read for help alone."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from rich.markup import escape
from typer.core import TyperCommand

from app.client.call import Call

Schema = Mapping[str, Any]
_ENCODED = (", percent-encoded: a slash as `%2F`, a percent sign as `%25`", "")
"""What a path needs, and a command does not: the client encodes ids."""
_WRITTEN = {"array": "May be repeated.", "object": "JSON."}


def described(make: Callable[..., Call[Any]]) -> type[TyperCommand]:
    """Make the class of a command whose help tells what the API says of each value that `make` takes.

    The API is read when help is asked for, as no call needs it, and reading it takes longer than a call.
    """

    class Described(TyperCommand):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            told = descriptions(make)
            for parameter in self.params:
                if parameter.name in told:
                    parameter.help = escape(told[parameter.name])  # type: ignore[attr-defined]
            super().format_help(ctx, formatter)

    return Described


def descriptions(make: Callable[..., Call[Any]]) -> dict[str, str]:
    """Give what the API says of each value of a call, by its name."""
    given = inspect.signature(make).parameters
    call = make(**{name: _placeholder(each) for name, each in given.items() if each.default is inspect.Parameter.empty})
    document = _document()
    told = dict(_told(document, document["paths"][call.path][call.method.lower()], [*given]))
    return {name: text for name, text in told.items() if name in given}


def _placeholder(parameter: inspect.Parameter) -> Any:
    return [] if "Sequence" in str(parameter.annotation) else "x"


@lru_cache(maxsize=1)
def _document() -> Schema:
    from app.routers.api import create_api

    return create_api().openapi()


def _told(document: Schema, operation: Schema, names: list[str]) -> Iterator[tuple[str, str]]:
    for parameter in operation.get("parameters", []):
        told = _sentence(document, parameter.get("description", ""), parameter["schema"])
        yield parameter["name"], told.replace(*_ENCODED) if parameter["in"] == "path" else told
    if "requestBody" not in operation:
        return
    schema = _resolved(document, operation["requestBody"]["content"]["application/json"]["schema"])
    if schema.get("type") == "array":
        fields = ", ".join(_resolved(document, schema["items"])["properties"])
        yield names[0], f"A JSON list; each entry has {fields}."
        return
    for name, field in schema["properties"].items():
        yield name, _sentence(document, field.get("description", ""), field)


def _sentence(document: Schema, description: str, schema: Schema) -> str:
    """Add how a value is written, and the one that holds where none is given."""
    parts, default = [description], schema.get("default")
    kind = _resolved(document, schema).get("type")
    if kind in _WRITTEN:
        parts.append(_WRITTEN[kind])
    if default not in (None, [], {}):
        parts.append(f"Default: {default if isinstance(default, str) else str(default).lower()}.")
    return " ".join(parts)


def _resolved(document: Schema, schema: Schema) -> Schema:
    if "$ref" in schema:
        found: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    if "anyOf" in schema:
        return _resolved(document, next(part for part in schema["anyOf"] if part.get("type") != "null"))
    return schema
