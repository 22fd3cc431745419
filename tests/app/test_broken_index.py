"""C85 over HTTP: while a broken index is made again nothing answers, and afterwards health and releases tell of it."""

import threading
from pathlib import Path
from typing import Any

import pytest

import models.release_index
from app.db.releases import ReleaseRepository
from app.db.session import Database
from app.inference import FileReleaseStore
from models.retrieval.stored import build_index
from tests.app.conftest import Backend, Start, eventually
from tests.faults import films

pytestmark = pytest.mark.anyio


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Two releases; nothing is left of the index of `b`."""
    films.write_releases(tmp_path / "releases", ["a", "b"])
    (tmp_path / "releases" / "b" / "index" / "items.safetensors").write_bytes(b"")
    return tmp_path / "releases"


class Held:
    """Makes an index as ever, once it may."""

    def __init__(self) -> None:
        self.begun, self.may = threading.Event(), threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        self.begun.set()
        assert self.may.wait(30)
        return build_index(*arguments)


async def test_c85_ready_stays_false_while_the_index_is_made_again_and_then_names_the_file(
    sqlite: Backend, broken: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, held = Database(sqlite.database_url), Held()
    await ReleaseRepository(database).activate("b")
    await database.close()
    monkeypatch.setattr(models.release_index, "build_index", held)
    async with start(sqlite.settings(), FileReleaseStore(broken)) as client:

        async def begun() -> bool:
            return held.begun.is_set()

        async def is_ready() -> bool:
            return (await client.get("/health/ready")).status_code == 200

        try:
            await eventually(begun)
            ready = await client.get("/health/ready")
        finally:
            held.may.set()
        assert (ready.status_code, ready.json()["missing"]) == (503, {"release": "b is being loaded"})
        await eventually(is_ready)
        body = (await client.get("/health/ready")).json()
        assert (body["release"], list(body["rebuilt"])) == ("b", ["b"])
        assert "index/items.safetensors is cut or was altered" in body["rebuilt"]["b"]
        assert "0 bytes are there, copy it from where the release was made" in body["rebuilt"]["b"]
        listed = {each["release_id"]: each for each in (await client.get("/releases")).json()["releases"]}
        assert listed["b"]["rebuilt"] == body["rebuilt"]["b"]
        assert (listed["b"]["problem"], listed["b"]["active"], listed["a"]["rebuilt"]) == (None, True, None)
        await client.post("/releases/a/activate")
        assert (await client.get("/health/ready")).json()["rebuilt"] == {}
