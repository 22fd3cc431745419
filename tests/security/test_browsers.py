"""What pages in a browser may do to a server: nothing, unless they are its own or named. In-process, no key in use."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.db.session import Database
from app.settings import Settings, SettingsError, load_settings
from tests.app.conftest import Backend, Start
from tests.app.memory_release import MemoryStore
from tests.app.test_metrics import samples

pytestmark = pytest.mark.anyio

FOREIGN = "https://attacker.example"
NAMED = "https://shop.example:8443"


@pytest.fixture
async def named(
    backend: Backend, database: Database, releases: MemoryStore, start: Start
) -> AsyncIterator[httpx.AsyncClient]:
    settings = backend.settings(cors_origins=NAMED, allowed_hosts="localhost, api.example")
    async with start(settings, releases) as client:
        yield client


def cors_headers(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control-")]


async def test_without_settings_no_answer_lets_another_origin_read_it(client: httpx.AsyncClient) -> None:
    for path in ("/users/u1/recommendations", "/items", "/health/ready", "/openapi.json", "/nothing"):
        answer = await client.get(path, headers={"Origin": FOREIGN})
        assert cors_headers(answer) == [], path
    asked = {"Origin": FOREIGN, "Access-Control-Request-Method": "POST"}
    preflight = await client.options("/recommendations", headers=asked)
    assert not preflight.is_success
    assert cors_headers(preflight) == []


async def test_a_foreign_page_changes_nothing_though_no_key_is_asked_for(
    client: httpx.AsyncClient, release_id: str
) -> None:
    # Forms and `fetch` in the mode no-cors send this without asking first.
    for method, path in (
        ("POST", f"/releases/{release_id}/activate"),
        ("POST", "/releases/rollback"),
        ("POST", "/training-jobs"),
        ("DELETE", "/users/u1"),
    ):
        for origin in (FOREIGN, "null", "http://localhost.attacker.example", "http://localhost:1"):
            answer = await client.request(method, path, headers={"Origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin"), (path, origin)
    assert (await client.get("/users/u1/recommendations")).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "https://ex]ample.org", "", "http://a b", "\xe9"])
async def test_an_origin_that_is_none_is_a_foreign_one(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.put("/users/u9", headers={b"Origin": origin.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert (await client.get("/users/u1", headers={b"Origin": origin.encode("latin-1")})).status_code == 200


async def test_our_own_page_and_programs_may_change_things(client: httpx.AsyncClient, release_id: str) -> None:
    path = f"/releases/{release_id}/activate"
    assert (await client.post(path)).status_code == 200
    assert (await client.post(path, headers={"Origin": "http://localhost"})).status_code == 200


async def test_a_page_whose_name_leads_here_reads_nothing_before_the_first_key(client: httpx.AsyncClient) -> None:
    for host in ("attacker.example", "attacker.example:8000", "127.0.0.1.attacker.example"):
        answer = await client.get("/users/u1/recommendations", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (401, "missing_key"), host
    for host in ("127.0.0.1:8000", "[::1]:8000", "localhost:8000"):
        assert (await client.get("/users/u1/recommendations", headers={"Host": host})).status_code == 200, host


async def test_a_named_origin_may_call_and_read_and_no_other(named: httpx.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = await named.options("/users/u9", headers={"Origin": NAMED, **asked})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == NAMED
    assert "access-control-allow-credentials" not in preflight.headers
    done = await named.put("/users/u9", headers={"Origin": NAMED})
    assert (done.status_code, done.headers["access-control-allow-origin"]) == (200, NAMED)
    refused = await named.options("/users/u9", headers={"Origin": FOREIGN, **asked})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert (await named.put("/users/u9", headers={"Origin": FOREIGN})).status_code == 403


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/items", "localhost", 200),
        ("/users/u1/recommendations?x=1", "localhost", 422),
        ("/users/u1/recommendations?x=%FF", "localhost", 422),
        ("/users/u1/recommendations", "other.example", 403),
        ("/evaluation", "localhost", 500),
    ],
)
async def test_a_named_origin_may_read_an_answer_whichever_layer_makes_it(
    named: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, host: str, status: int
) -> None:
    async def broken(*_given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.services.comparison.ComparisonService.evaluation", broken)
    answer = await named.get(path, headers={"Origin": NAMED, "Host": host})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == NAMED
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"].split(", ").count("Origin") == 1
    assert answer.headers["x-request-id"]
    # A cache that keeps the answer for one origin must not give it to another.
    foreign = await named.get(path, headers={"Origin": FOREIGN, "Host": host})
    assert "access-control-allow-origin" not in foreign.headers
    assert foreign.headers["vary"].split(", ").count("Origin") == 1


async def test_a_preflight_is_answered_whatever_the_call_will_say_and_is_counted_and_logged(
    named: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.access")
    asked = {"Origin": NAMED, "Access-Control-Request-Method": "GET"}
    answer = await named.options("/users/u1?x=%FF", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, NAMED)
    assert answer.headers["vary"].count("Origin") == 1
    assert answer.headers["api-version"]
    (line,) = [record for record in caplog.records if record.name == "app.access"]
    assert (line.__dict__["method"], line.__dict__["path"], line.__dict__["status"]) == ("OPTIONS", "/users/u1", 200)
    counts = samples((await named.get("/metrics")).text, "ktup_requests_total")
    assert counts[("OPTIONS", "unmatched", "200")] == 1


async def test_only_the_names_in_the_settings_reach_the_server_but_probes_do_by_any(named: httpx.AsyncClient) -> None:
    refused = await named.get("/items", headers={"Host": "attacker.example"})
    assert (refused.status_code, refused.json()["code"]) == (403, "foreign_host")
    assert (await named.get("/items", headers={"Host": "LOCALHOST:8000"})).status_code == 200
    assert (await named.get("/health/live", headers={"Host": "10.1.2.3:8000"})).status_code == 200


async def test_every_answer_of_data_says_that_it_is_neither_kept_nor_framed_nor_run(client: httpx.AsyncClient) -> None:
    for path, status in (("/users/u1/recommendations", 200), ("/users/nobody/recommendations", 404), ("/nothing", 404)):
        answer = await client.get(path)
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers


@pytest.mark.parametrize("origin", ["*", "shop.example", "https://shop.example/path", "javascript:alert(1)"])
def test_what_is_no_origin_cannot_be_named(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("KTUP_CORS_ORIGINS", f"https://good.example,{origin}")
    with pytest.raises(SettingsError, match="KTUP_CORS_ORIGINS"):
        load_settings()
    assert Settings(cors_origins="https://Good.example").cors_origins == ("https://good.example",)
