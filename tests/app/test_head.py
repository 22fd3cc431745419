"""HEAD: the answer of GET without its content, by every path that answers GET (RFC 9110, 9.1 and 9.3.2)."""

import httpx
import pytest

from app.routers.api import create_api
from tests.app.conftest import Backend
from tests.app.test_metrics import figures, samples

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend(sqlite: Backend) -> Backend:
    """Whatever the stores are."""
    return sqlite


@pytest.mark.parametrize(
    "path",
    [
        "/health/live",
        "/health/ready",
        "/users/u1/recommendations?limit=3",
        "/users/u1/recommendations?limit=0",
        "/users/nobody",
        "/users/u1?x=%FF",
        "/items",
        "/kg/predictions/export?least_score=-9",
        "/nothing",
        "/recommendations",
        "/docs",
        "/openapi.json",
    ],
)
async def test_head_answers_as_get_does_and_sends_nothing(client: httpx.AsyncClient, path: str) -> None:
    for _ in range(2):  # the second time from the cache
        given, head = await client.get(path), await client.head(path)
        assert head.content == b""
        assert head.status_code == given.status_code
        for name in ("content-type", "content-length", "cache-control", "api-version", "allow", "etag"):
            assert head.headers.get(name) == given.headers.get(name), name


async def test_head_of_what_breaks_is_a_500_without_content(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.services.comparison.ComparisonService.evaluation", broken)
    answer = await client.head("/evaluation")
    assert (answer.status_code, answer.content) == (500, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_head_is_counted_and_logged_as_what_it_is_under_the_route_of_get(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.access")
    await client.head("/users/u1/recommendations")
    (line,) = [record for record in caplog.records if record.name == "app.access"]
    assert line.__dict__["method"] == "HEAD"
    counts = samples(await figures(client), "ktup_requests_total")
    assert counts[("HEAD", "/users/{user_id}/recommendations", "200")] == 1


def test_the_document_lists_get_alone() -> None:
    assert "head" not in {method for methods in create_api().openapi()["paths"].values() for method in methods}
