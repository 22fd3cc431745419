"""Bad requests get a problem that names the field; nothing of ours leaks, nothing of theirs is repeated at length."""

import httpx
import pytest

from tests.app.conftest import Backend

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend(sqlite: Backend) -> Backend:
    """What is refused here is refused before any storage is asked."""
    return sqlite


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["type"] == f"urn:ktup:problem:{code}"
    assert answer.headers["api-version"] == "1"


@pytest.mark.parametrize("path", ["/users/u1/recommendations?", "/kg/complete?head=f2&relation=director&"])
@pytest.mark.parametrize("limit", ["-5", "0", "101", "1000000", "1e99", "abc", "", "NaN", "10%00", "9" * 5000])
async def test_c99_a_limit_outside_of_1_to_100_is_422(client: httpx.AsyncClient, path: str, limit: str) -> None:
    answer = await client.get(f"{path}limit={limit}")
    assert_problem(answer, 422, "invalid_parameter")
    assert [error["field"] for error in answer.json()["errors"]] == ["limit"]
    assert len(answer.content) < 1_000


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limt=5", "limt"),
        ("explain=everything", "explain"),
        ("diversity=1.01", "diversity"),
        ("diversity=NaN", "diversity"),
        ("filter=a%00:b", "filter.0"),
        ("explain=", "explain"),
        ("fallback=random", "fallback"),
        ("exclude_seen=maybe", "exclude_seen"),
        ("exclude=", "exclude.0"),
        ("exclude=a%00b", "exclude.0"),
        ("exclude=%ED%A0%80", "exclude"),
        ("exclude=%ff", "exclude"),
        ("user_id=u2", "user_id"),
    ],
)
async def test_a_parameter_that_cannot_be_used_is_422_and_named(
    client: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await client.get(f"/users/u1/recommendations?{query}")
    assert_problem(answer, 422, "invalid_parameter")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ["head", "relation", "tail"]),
        ("head=f2", ["relation", "tail"]),
        ("relation=director", ["head", "tail"]),
        ("head=f2&relation=director&tail=scott", ["head", "relation", "tail"]),
    ],
)
async def test_not_exactly_two_of_three_is_422_and_names_what_to_change(
    client: httpx.AsyncClient, query: str, fields: list[str]
) -> None:
    answer = await client.get(f"/kg/complete?{query}")
    assert_problem(answer, 422, "invalid_query")
    assert [error["field"] for error in answer.json()["errors"]] == fields


async def test_a_huge_unknown_parameter_is_not_repeated_at_length(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/users/u1/recommendations?{'x' * 4000}=1")
    assert answer.status_code == 422
    assert len(answer.content) < 1_500


async def test_an_unknown_parameter_of_a_call_without_parameters_is_422(client: httpx.AsyncClient) -> None:
    answer = await client.get("/releases?page=2")
    assert_problem(answer, 422, "invalid_parameter")


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/recommendation"), 404, "not_found")
    wrong = await client.delete("/releases")
    assert_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_Z", True), ("a b", False), ("x" * 129, False), ("é", False), ("", False)]
)
async def test_a_sane_request_id_is_kept_and_any_other_replaced(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    answer = await client.get("/health/live", headers={b"X-Request-ID": given.encode("utf-8")})
    assert (answer.headers["x-request-id"] == given) is kept
    assert len(answer.headers["x-request-id"]) in (32, len(given))
