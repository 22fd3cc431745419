"""Bad requests get a problem that names the field; nothing of ours leaks, nothing of theirs is repeated at length."""

from typing import Any

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


EVENT = {"event_id": "e1", "user_id": "u1", "item_id": "i2", "type": "rating", "value": 4.5, "ts": 100}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/events", [EVENT | {"value": True}], "0.value"),
        ("POST", "/events", [EVENT | {"value": "4.5"}], "0.value"),
        ("POST", "/events", [EVENT | {"ts": True}], "0.ts"),
        ("POST", "/events", [EVENT | {"ts": "100"}], "0.ts"),
        ("POST", "/events", [EVENT | {"ts": 100.5}], "0.ts"),
        ("POST", "/recommendations", {"user_id": "u1", "limit": True}, "limit"),
        ("POST", "/recommendations", {"user_id": "u1", "limit": "3"}, "limit"),
        ("POST", "/recommendations", {"user_id": "u1", "diversity": False}, "diversity"),
        ("POST", "/recommendations", {"user_id": "u1", "exclude_seen": 1}, "exclude_seen"),
        ("POST", "/recommendations", {"user_id": "u1", "exclude_seen": "no"}, "exclude_seen"),
        ("POST", "/recommendations/batch", {"user_ids": ["u1"], "limit": True}, "limit"),
        ("PUT", "/users/u1/preferences/genre", {"multiplier": True}, "multiplier"),
        ("PUT", "/users/u1/preferences/genre", {"multiplier": "1"}, "multiplier"),
        ("POST", "/releases/ab", {"b": "r2", "share": True}, "share"),
        ("POST", "/training-jobs", {"activate": "yes"}, "activate"),
        ("POST", "/training-jobs", {"max_drop": True}, "max_drop"),
        ("POST", "/training-jobs", {"settings": {"epochs": [3]}}, "settings.epochs"),
        ("POST", "/training-jobs", {"settings": {"epochs": 10**400}}, "settings.epochs"),
        ("POST", "/training-jobs", {"settings": {"model.norm": "l" * 201}}, "settings.model.norm"),
        ("POST", "/kg/candidates", {"gaps": True}, "gaps"),
        ("POST", "/kg/candidates", {"per_gap": "1"}, "per_gap"),
        ("POST", "/kg/candidates", {"least_share": False}, "least_share"),
    ],
)
async def test_a_value_of_another_json_type_than_the_documents_is_422_and_named(
    client: httpx.AsyncClient, method: str, path: str, body: Any, field: str
) -> None:
    answer = await client.request(method, path, json=body)
    assert_problem(answer, 422, "invalid_parameter")
    assert {error["field"] for error in answer.json()["errors"]} == {field}


async def test_a_number_may_be_written_with_or_without_a_fraction(client: httpx.AsyncClient) -> None:
    # In JSON Schema 4 is a number, and 4.0 an integer.
    for value, ts in ((4, 100.0), (4.0, 100)):
        answer = await client.post("/events", json=[EVENT | {"event_id": f"{ts!r}", "value": value, "ts": ts}])
        assert answer.status_code == 200, answer.text
    met = (await client.get("/users/u1/history")).json()["items"][0]
    assert (met["item_id"], met["value"], met["ts"]) == ("i2", 4.0, 100)
    answer = await client.post("/recommendations", json={"user_id": "u1", "limit": 2.0, "diversity": 1})
    assert len(answer.json()["items"]) == 2
    assert (await client.put("/users/u1/preferences/genre", json={"multiplier": 2})).status_code == 200
    assert (await client.get("/users/u1/recommendations?limit=2&exclude_seen=no")).status_code == 200


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
    assert wrong.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/users/u1", "GET, HEAD, PUT, DELETE"),
        ("POST", "/items/a%2Fb", "GET, HEAD, PUT, DELETE"),
        # `PUT` and `DELETE` take `popular` for the id of an item.
        ("PATCH", "/items/popular", "GET, HEAD, PUT, DELETE"),
        ("PUT", "/releases/ab", "GET, HEAD, POST, DELETE"),
        ("GET", "/recommendations", "POST"),
        ("HEAD", "/recommendations", "POST"),
        ("BREW", "/kg/facts", "GET, HEAD, POST, DELETE"),
        ("POST", "/docs", "GET, HEAD"),
    ],
)
async def test_a_405_names_every_method_of_its_path(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_Z", True), ("a b", False), ("x" * 129, False), ("é", False), ("", False)]
)
async def test_a_sane_request_id_is_kept_and_any_other_replaced(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    answer = await client.get("/health/live", headers={b"X-Request-ID": given.encode("utf-8")})
    assert (answer.headers["x-request-id"] == given) is kept
    assert len(answer.headers["x-request-id"]) in (32, len(given))
