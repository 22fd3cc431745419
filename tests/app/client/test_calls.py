"""No call is forgotten: the client is held against the OpenAPI document, call by call and field by field."""

import inspect
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel

from app.client import Event
from app.client.call import Call
from app.client.every_call import EveryCall
from app.client.methods import Lines, Method, Paged
from app.routers.api import create_api

EXAMPLES: Mapping[str, Any] = {
    "events": [Event("u", "i", "rating", 1.0, 1, "r")],
    "facts": [("h", "r", "t")],
    "settings": {"a": 1},
    "since": datetime(2026, 1, 1, tzinfo=UTC),
    "until": datetime(2026, 1, 2, tzinfo=UTC),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_api().openapi()


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def methods() -> Iterator[tuple[str, Method[..., Any] | Paged[..., Any, Any] | Lines[...]]]:
    for name, value in vars(EveryCall).items():
        if isinstance(value, Method | Paged | Lines):
            yield name, value


def full_call(make: Any) -> Call[Any]:
    """Call a function with a value for each of its parameters."""
    values = {}
    for name, hint in get_type_hints(make).items():
        if name != "return":
            values[name] = EXAMPLES.get(name, ["x"] if "Sequence" in str(hint) else "x")
    call: Call[Any] = make(**values)
    return call


def calls() -> dict[str, Call[Any]]:
    made = [full_call(value.make) for _, value in methods() if not isinstance(value, Paged)]
    return {f"{call.method} {call.path}": call for call in made}


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return found
    if "anyOf" in schema:
        return resolved(document, next(part for part in schema["anyOf"] if part.get("type") != "null"))
    return schema


def test_every_operation_is_a_method_and_every_method_an_operation(document: dict[str, Any]) -> None:
    offered, known = set(operations(document)), set(calls())
    assert (sorted(offered - known), sorted(known - offered)) == ([], []), "missing in the client; unknown to the API"


def test_every_parameter_and_field_that_may_be_sent_can_be_sent(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        call = calls()[name]
        parameters = operation.get("parameters", [])
        assert {p["name"] for p in parameters if p["in"] == "query"} == set(call.params), name
        assert {p["name"] for p in parameters if p["in"] == "path"} == set(call.ids), name
        assert ("requestBody" in operation) is (call.body is not None), name
        if call.body is not None:
            schema = resolved(document, operation["requestBody"]["content"]["application/json"]["schema"])
            several = schema.get("type") == "array"
            fields = resolved(document, schema["items"] if several else schema)["properties"]
            assert set(fields) == set(call.body[0] if several else call.body), name


def test_every_call_that_comes_in_pages_has_an_iterator(document: dict[str, Any]) -> None:
    paged = {f"{c.method} {c.path}" for c in (full_call(v.make) for _, v in methods() if isinstance(v, Paged))}
    cursors = set()
    for name, operation in operations(document).items():
        body = operation.get("requestBody", {"content": {"application/json": {"schema": {}}}})
        fields = resolved(document, body["content"]["application/json"]["schema"]).get("properties", {})
        if "cursor" in fields or any(p["name"] == "cursor" for p in operation.get("parameters", [])):
            cursors.add(name)
    assert len(cursors) >= 8
    assert paged == cursors


def test_every_field_of_every_answer_is_in_the_clients_models(document: dict[str, Any]) -> None:
    compared = 0
    for name, value in methods():
        call = full_call(value.make)
        (model,) = get_args(get_type_hints(value.make)["return"])
        operation = operations(document)[f"{call.method} {call.path}"]
        (content,) = [r["content"] for status, r in operation["responses"].items() if status.startswith("2")]
        if isinstance(model, type) and issubclass(model, BaseModel):
            compared += 1
            differing = list(differences(document, content["application/json"]["schema"], model, name))
            assert differing == []
    assert compared > 40


def differences(document: dict[str, Any], schema: dict[str, Any], model: Any, place: str) -> Iterator[str]:
    """Name the fields of a schema that a model lacks, and those that it has in addition."""
    schema = resolved(document, schema)
    if schema.get("type") == "array" and "items" in schema:
        schema = resolved(document, schema["items"])
    models = [part for part in leaves(model) if isinstance(part, type) and issubclass(part, BaseModel)]
    if not models or "properties" not in schema or models[0].__name__ == "Problem":
        return
    fields = models[0].model_fields
    yield from (f"{place}.{name}" for name in set(schema["properties"]) ^ set(fields))
    for name in set(fields) & set(schema["properties"]):
        yield from differences(document, schema["properties"][name], fields[name].annotation, f"{place}.{name}")


def leaves(hint: Any) -> Iterator[Any]:
    parts = get_args(hint)
    if not parts:
        yield hint
    for part in parts:
        yield from leaves(part)


def test_every_method_is_documented_and_both_clients_have_it() -> None:
    for name, value in methods():
        assert inspect.getdoc(value.make), name


def test_the_client_loads_nothing_of_the_server() -> None:
    code = (
        "import sys; import app.client; "
        "ours = [m for m in sys.modules if m.startswith('app.') and not m.startswith('app.client')]; "
        "theirs = {'fastapi', 'sqlalchemy', 'redis', 'torch', 'models'} & set(sys.modules); "
        "sys.exit(' '.join([*ours, *theirs]) or 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
