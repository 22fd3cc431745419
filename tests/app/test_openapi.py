"""The OpenAPI document is complete: everything described, every error listed, every example an instance."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app.routers.api import create_api
from app.routers.problems import KINDS
from app.schemas.batches import BatchList
from app.schemas.completions import CompletionList
from app.schemas.insights import ProfileBody, WhyNotBody
from app.schemas.item_lists import SimilarList
from app.schemas.problems import Problem
from app.schemas.recommendations import RecommendationList
from app.schemas.review import CandidateFactList, GapList


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_api().openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_calls_of_the_contract_are_there(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {name for name, _ in operations(document)} >= {
        "GET /users/{user_id}/recommendations",
        "POST /recommendations",
        "POST /recommendations/batch",
        "GET /users/{user_id}/recommendations/{item_id}/explanation",
        "GET /users/{user_id}/why-not/{item_id}",
        "GET /users/{user_id}/preferences",
        "PUT /users/{user_id}/preferences/{relation_id}",
        "DELETE /users/{user_id}/preferences/{relation_id}",
        "GET /items/{item_id}/similar",
        "GET /items/popular",
        "GET /kg/complete",
        "GET /releases",
        "POST /releases/rollback",
        "GET /releases/ab",
        "POST /releases/ab",
        "DELETE /releases/ab",
        "POST /releases/{release_id}/activate",
        "GET /releases/{release_id}/diff",
        "GET /evaluation",
        "POST /training-jobs",
        "GET /training-jobs",
        "GET /training-jobs/{job_id}",
        "POST /training-jobs/{job_id}/cancel",
        "GET /evaluation/online",
        "GET /health/live",
        "GET /health/ready",
        "GET /items",
        "GET /items/{item_id}",
        "PUT /items/{item_id}",
        "DELETE /items/{item_id}",
        "GET /users",
        "GET /users/{user_id}",
        "PUT /users/{user_id}",
        "DELETE /users/{user_id}",
        "GET /users/{user_id}/history",
        "POST /events",
        "GET /kg/entities",
        "GET /kg/entities/{entity_id}",
        "GET /kg/relations",
        "GET /kg/facts",
        "POST /kg/facts",
        "DELETE /kg/facts",
        "GET /kg/gaps",
        "GET /kg/candidates",
        "POST /kg/candidates",
        "POST /kg/candidates/{candidate_id}/decision",
        "GET /kg/predictions/export",
        "GET /metrics",
    }


def test_every_parameter_and_every_field_is_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["description"], name
        for parameter in operation.get("parameters", []):
            described = parameter.get("description") or parameter["schema"].get("description")
            assert described, f"{name}: {parameter['name']}"
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, definition in schema.get("properties", {}).items():
            assert definition.get("description"), f"{name}.{field}"


def test_every_error_is_a_problem_with_an_example_for_each_code(document: dict[str, Any]) -> None:
    kinds = {kind.code: kind for kind in KINDS.values()}
    seen = set()
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                continue
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
            for code, example in content["examples"].items():
                assert Problem.model_validate(example["value"]).status == int(status)
                seen.add(code)
                assert code not in kinds or kinds[code].status == int(status)
    # Every kind of error can come from some call.
    assert set(kinds) <= seen


def test_every_call_that_asks_for_keys_says_that_they_may_not_be_read_now(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if "security" in operation:
            examples = operation["responses"]["503"]["content"]["application/problem+json"]["examples"]
            assert "storage_unavailable" in examples, name
            assert operation["responses"]["503"]["headers"]["Retry-After"], name
    # What a call says of itself stays.
    responses = document["paths"]["/evaluation"]["get"]["responses"]
    assert list(responses["503"]["content"]["application/problem+json"]["examples"]) == [
        "no_active_release",
        "storage_unavailable",
    ]
    assert responses["503"]["description"] == "No active release / Storage unavailable"


@pytest.mark.parametrize(
    "model",
    [
        RecommendationList,
        BatchList,
        CompletionList,
        GapList,
        CandidateFactList,
        WhyNotBody,
        ProfileBody,
        SimilarList,
    ],
)
def test_the_example_of_a_body_is_such_a_body(document: dict[str, Any], model: type[BaseModel]) -> None:
    (example,) = document["components"]["schemas"][model.__name__]["examples"]
    assert model.model_validate(example).model_dump(mode="json") == example


def test_no_reference_leads_nowhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert references <= set(schemas)
    assert "HTTPValidationError" not in schemas


def test_the_document_and_the_service_load_neither_torch_nor_faiss() -> None:
    code = (
        "import sys; import app.main, app.cli; app.main.create_api().openapi(); "
        "sys.exit(bool({'torch', 'faiss'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
