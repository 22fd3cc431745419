"""The requests on the page of the API are sent to a served sample, and answered as the OpenAPI document says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from documentation.api import operations, requests
from tests.docs.blocks import Place


def at(answer: Any, path: str) -> str:
    """Give the field of an answer at a path such as candidates.0.candidate_id."""
    for part in path.split("."):
        answer = answer[int(part)] if part.isdigit() else answer[part]
    return str(answer)


@pytest.mark.slow
def test_every_request_of_the_reference_is_answered_as_the_document_says(
    prepared: Path, new_place: Callable[..., Place]
) -> None:
    place = new_place(var=prepared)
    place.start("python -m app serve")
    kept: dict[str, str] = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{place.port}", timeout=120) as client:
        document = client.get("/openapi.json").json()
        told = dict(operations(document))
        for request in requests():
            path = request.path
            for name, value in kept.items():
                path = path.replace(f"${name}", value)
            headers = {} if request.body is None else {"content-type": "application/json"}
            answer = client.request(request.method, path, content=request.body, headers=headers)
            status, response = next(iter(told[request.call]["responses"].items()))
            assert str(answer.status_code) == status, f"{request.call}: {answer.status_code} {answer.text}"
            schema = response.get("content", {}).get("application/json", {}).get("schema")
            if schema:
                whole = {**schema, "components": document["components"]}
                jsonschema_rs.validator_for(whole).validate(answer.json())
            kept |= {name: at(answer.json(), where) for name, where in request.keep.items()}
