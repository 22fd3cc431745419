"""The calls of the API, from the OpenAPI document; each with a request that a test sends (requests.toml)."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.routers.api import create_api
from documentation.markdown import code, table
from documentation.settings import kind

REQUESTS = Path(__file__).with_name("requests.toml")
Document = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """An example of a call: `call` as METHOD /path, the path as it is sent, a body (JSON), and what is kept of the
    answer for requests after it: {"JOB": "job_id"} keeps a field under a name that later paths may hold."""

    call: str
    path: str
    body: str | None = None
    keep: dict[str, str] = field(default_factory=dict)
    told: str = ""

    @property
    def method(self) -> str:
        """GET, POST and so on."""
        return self.call.split()[0]

    def curl(self) -> str:
        """Give the request as a command."""
        method = "" if self.method == "GET" else f"-X {self.method} "
        body = "" if self.body is None else f" \\\n  -H 'content-type: application/json' -d '{self.body}'"
        return f'curl -s {method}"http://127.0.0.1:8000{self.path}"{body}'


def requests() -> list[Request]:
    """Read the examples, in the order in which they may be sent."""
    return [Request(**values) for values in tomllib.loads(REQUESTS.read_text(encoding="utf-8"))["request"]]


def api_page() -> str:
    """Write the page: calls by tag, each with parameters, body, answer, errors and a request."""
    document = create_api().openapi()
    examples = {request.call: request for request in requests()}
    parts = [
        "# The API\n\n"
        "The contract is the OpenAPI document: `GET /openapi.json`, `/docs` in a browser, or `python -m app openapi`. "
        "This page is made of it; each request on it is sent to a served sample by a test. Answers are JSON, ids are "
        "texts (percent-encoded in paths), and of scores the higher one is the better one. A value in a body has the "
        'JSON type that is told here: `true` and `"4.5"` are no numbers. HEAD is answered wherever GET is. Trouble is '
        "told as RFC 9457 `application/problem+json` with a `code`."
    ]
    for tag in dict.fromkeys(operation["tags"][0] for _, operation in operations(document)):
        parts.append(f"## {tag.capitalize()}")
        parts += [
            _operation(document, call, operation, examples[call])
            for call, operation in operations(document)
            if operation["tags"][0] == tag
        ]
    return "\n\n".join(parts) + "\n"


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Yield (METHOD /path, operation) in the order of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _operation(document: Document, call: str, operation: Document, example: Request) -> str:
    parts = [f"### {code(call)}", operation["description"]]
    if operation.get("parameters"):
        rows = [
            [code(p["name"]), "" if p["in"] == "query" else p["in"], _kind(document, p["schema"]), p["description"]]
            for p in operation["parameters"]
        ]
        parts.append(table(["parameter", "in", "value", "what it does"], rows))
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        parts.append(f"Body:\n\n{_fields(document, schema)}")
    parts.append(f"```sh\n{example.curl()}\n```")
    if example.told:
        parts.append(example.told)
    parts.append(_answers(document, operation))
    return "\n\n".join(parts)


def _answers(document: Document, operation: Document) -> str:
    status, answer = next(iter(operation["responses"].items()))
    content = answer.get("content", {})
    fields = ""
    if "application/json" in content and content["application/json"].get("schema"):
        fields = "\n\n" + _fields(document, content["application/json"]["schema"])
    codes = [
        code(name)
        for response in operation["responses"].values()
        for name in response.get("content", {}).get("application/problem+json", {}).get("examples", {})
    ]
    errors = f"\n\nErrors: {', '.join(dict.fromkeys(codes))}." if codes else ""
    return f"Answer {status}: {answer['description']}{fields}{errors}"


def _fields(document: Document, schema: Document) -> str:
    """Tell the fields of an object, or of the objects of a list."""
    found = resolved(document, schema)
    if found.get("type") == "array":
        return "A list of:\n\n" + _fields(document, found["items"])
    if "properties" not in found:
        return f"{_kind(document, found)}."
    rows = [
        [code(name), _kind(document, part), resolved(document, part).get("description", part.get("description", ""))]
        for name, part in found["properties"].items()
    ]
    return table(["field", "value", "what it says"], rows)


def _kind(document: Document, schema: Document) -> str:
    found = resolved(document, schema)
    default = schema.get("default", found.get("default"))
    shown = "" if default is None or default == [] else f"; default {code(json.dumps(default).strip(chr(34)))}"
    if "anyOf" in found:
        kinds = [_kind(document, part) for part in found["anyOf"]]
        return " or ".join("null" if kind_ == "null" else kind_ for kind_ in kinds) + shown
    if found.get("type") == "null":
        return "null"
    if found.get("type") == "array":
        return f"list of {_kind(document, found.get('items', {}))}" if "items" in found else "list"
    if found.get("type") == "object" or "properties" in found:
        return "object"
    return kind(found) + shown


def resolved(document: Document, schema: Document) -> Document:
    """Follow a reference into the components."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema
