"""The service through a vector engine: same lists, and what health and calls say while it is away."""

from importlib import util
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.releases import ReleaseRepository
from app.db.session import Database
from app.inference import FileReleaseStore
from app.settings import SettingsError, load_settings
from app.vector_engine.configured import EngineChoice, engine_of
from app.vector_engine.engine import check_installed
from app.vector_engine.loading import load
from models.release import load_release
from tests.app import world
from tests.app.conftest import Backend, Start, eventually
from tests.faults import films
from tests.vector_engine.exact_engine import ExactEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
async def folder(sqlite: Backend, tmp_path: Path) -> Path:
    """The films, stored; release `a` is active, and `b` beside it."""
    films.write_releases(tmp_path / "releases", ["a", "b"])
    database = Database(sqlite.database_url)
    await world.store(database, films.tables())
    await ReleaseRepository(database).activate("a")
    await database.close()
    return tmp_path / "releases"


async def ready(client: httpx.AsyncClient) -> None:
    async def is_loaded() -> bool:
        return (await client.get("/users/u3/recommendations")).status_code != 503

    await eventually(is_loaded)


async def items(client: httpx.AsyncClient, call: str) -> list[tuple[str, float]]:
    answer = await client.get(call)
    assert answer.status_code == 200, answer.text
    return [(item["item_id"], item["score"]) for item in answer.json()["items"]]


CALLS = [
    *(f"/users/u{n}/recommendations?limit=12" for n in range(6)),
    "/users/u3/recommendations?limit=5&exclude=i9&exclude=i7&exclude=i12",
    "/users/u3/recommendations?limit=30&exclude_seen=false",
]


async def test_lists_are_those_of_the_index_of_the_release(sqlite: Backend, folder: Path, start: Start) -> None:
    engine = ExactEngine()
    load(load_release(folder / "a"), "a", engine)
    async with start(sqlite.settings(), FileReleaseStore(folder)) as client:
        await ready(client)
        expected = [await items(client, call) for call in CALLS]
    choice = EngineChoice(engine, 3.0, "none")
    engine.calls = 0
    async with start(sqlite.settings(), FileReleaseStore(folder, engine=choice)) as client:
        await ready(client)
        assert [await items(client, call) for call in CALLS] == expected
        assert (await client.get("/health/ready")).json()["degraded"] == []
    assert engine.calls > len(CALLS)


async def test_an_engine_that_is_away_degrades_and_the_release_answers(
    sqlite: Backend, folder: Path, start: Start
) -> None:
    engine = ExactEngine()
    load(load_release(folder / "a"), "a", engine)
    choice = EngineChoice(engine, 0.05, "index")
    async with start(sqlite.settings(cache_ttl_seconds=1), FileReleaseStore(folder, engine=choice)) as client:
        await ready(client)
        expected = await items(client, "/users/u3/recommendations?limit=11")
        engine.away = "no route to it"
        assert (await items(client, "/users/u3/recommendations?limit=12"))[:11] == expected
        ready_ = await client.get("/health/ready")
        assert (ready_.status_code, ready_.json()["degraded"]) == (200, ["vector_engine"])
        engine.away = None

        async def is_whole() -> bool:
            return bool((await client.get("/health/ready")).json()["degraded"] == [])

        await eventually(is_whole)


async def test_without_a_fallback_lists_are_a_503_and_the_service_is_not_ready(
    sqlite: Backend, folder: Path, start: Start
) -> None:
    engine = ExactEngine()
    load(load_release(folder / "a"), "a", engine)
    settings, choice = sqlite.settings(vector_engine_fallback="none"), EngineChoice(engine, 0.05, "none")
    async with start(settings, FileReleaseStore(folder, engine=choice)) as client:
        await ready(client)
        engine.away = "no route to it"
        for call in (client.get("/users/u3/recommendations?limit=7"), batch(client)):
            answer = await call
            assert (answer.status_code, answer.json()["code"]) == (503, "vector_engine_unavailable"), answer.text
            assert "no route to it" in answer.json()["detail"]
            assert answer.headers["Retry-After"] == "3"
        away = await client.get("/health/ready")
        assert (away.status_code, away.json()["missing"]) == (503, {"vector_engine": "no route to it"})
        assert (await client.get("/health/live")).status_code == 200
        # What needs no list of items goes on.
        assert (await client.get("/items/popular")).status_code == 200
        engine.away = None

        async def answers() -> bool:
            return (await client.get("/users/u3/recommendations?limit=7")).status_code == 200

        await eventually(answers)


async def batch(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/recommendations/batch", json={"user_ids": ["u1", "u2"], "limit": 7})


async def test_a_release_that_the_engine_lacks_says_so_and_answers_all_the_same(
    sqlite: Backend, folder: Path, start: Start
) -> None:
    choice = EngineChoice(ExactEngine(), 0.05, "index")
    async with start(sqlite.settings(), FileReleaseStore(folder, engine=choice)) as client:
        await ready(client)
        assert len(await items(client, "/users/u3/recommendations")) == 10
        assert (await client.get("/health/ready")).json()["degraded"] == ["vector_engine"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"VECTOR_ENGINE": "milvus"}, "KTUP_VECTOR_ENGINE: .*expected http://HOST:PORT"),
        ({"VECTOR_ENGINE": "grpc://host:19530"}, "KTUP_VECTOR_ENGINE: .*expected http://HOST:PORT"),
        ({"VECTOR_ENGINE": "http:///no-host"}, "KTUP_VECTOR_ENGINE: .*expected http://HOST:PORT"),
        ({"VECTOR_ENGINE": "var/items.db", "WORKERS": "2"}, "vector_engine: the local mode is for one process"),
        ({"VECTOR_ENGINE_FALLBACK": "scan"}, "KTUP_VECTOR_ENGINE_FALLBACK"),
        ({"VECTOR_ENGINE_TIMEOUT_MS": "5"}, "KTUP_VECTOR_ENGINE_TIMEOUT_MS"),
    ],
)
async def test_settings_of_the_engine_that_cannot_be_used_are_told_by_name(
    values: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"KTUP_{name}", value)
    with pytest.raises(SettingsError, match=problem):
        load_settings()


async def test_without_its_client_the_setting_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTUP_VECTOR_ENGINE", "http://localhost:19530")
    find = util.find_spec

    def none(name: str, *more: Any) -> Any:
        return None if name == "pymilvus" else find(name, *more)

    monkeypatch.setattr("app.vector_engine.engine.find_spec", none)
    for check in (check_installed, engine_of):
        with pytest.raises(SettingsError, match="KTUP_VECTOR_ENGINE: needs `pip install --group cluster`"):
            check(load_settings())
    monkeypatch.delenv("KTUP_VECTOR_ENGINE")
    check_installed(load_settings())
    assert engine_of(load_settings()) is None


async def test_the_token_of_the_engine_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTUP_VECTOR_ENGINE_TOKEN", "root:Milvus")
    assert "Milvus" not in repr(load_settings())
