"""Milvus Lite as a server of its own, asked over gRPC as any Milvus is: lists, outages, loads that ended, commands."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("pymilvus", reason="needs the group cluster")

from app.vector_engine import loading
from app.vector_engine.configured import EngineChoice, through_engine
from app.vector_engine.engine import EngineAway
from app.vector_engine.loading import load
from app.vector_engine.milvus import Milvus
from models.interface import Sizes
from models.registry import build, config_from
from models.release import Release, load_release
from models.retrieval.exhaustive import ItemScan
from models.retrieval.search import Searcher
from models.vocabulary import Vocabulary
from tests.faults import films
from tests.faults.processes import command, environment, free_port, until

pytestmark = pytest.mark.cluster
NOBODY = np.empty(0, dtype=np.int64)


@dataclass
class LiteServer:
    """A Milvus Lite process over one folder."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = shutil.which("milvus-lite", path=str(Path(sys.executable).parent))
        assert program is not None
        with (self.folder.parent / "milvus.log").open("ab") as log:
            words = [program, "server", "--data-dir", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]
            self.process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self._answers, 120)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            time.sleep(0.1)
            return False
        return True

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiteServer]:
    made = LiteServer(tmp_path / "milvus.db", free_port())
    made.start()
    yield made
    made.kill()


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    films.write_releases(tmp_path / "releases", ["a", "b"])
    return tmp_path / "releases"


def opened(server: LiteServer, seconds: float = 20.0) -> Milvus:
    return Milvus(server.url, None, seconds)


def of_many_items(release: Release, n: int) -> Release:
    """The release with another model, of more items."""
    config = config_from(
        "ktup-soft",
        {"embedding_size": 16, "norm": "l2", "combine": "mean", "temperature": 0.1, "preference_scale": 0.3},
    )
    sizes = Sizes(240, n, 60, 5, torch.arange(n) % 61 - 1)
    model = build("ktup-soft", config, sizes, torch.Generator().manual_seed(1)).double()
    names = {**release.checkpoint.vocabularies, "items": Vocabulary([f"i{k}" for k in range(n)])}
    checkpoint = replace(release.checkpoint, model=model, vocabularies=names)
    return replace(release, checkpoint=checkpoint, searcher=Searcher(model, ItemScan.build(model, "hash"), 0))


def test_lists_of_a_release_are_those_of_its_own_index_and_exclusions_hold(server: LiteServer, releases: Path) -> None:
    release, engine = load_release(releases / "a"), opened(server)
    loaded = load(release, "a", engine)
    assert (loaded.items, loaded.recall) == (30, 1.0)
    assert engine.loaded("a") == loaded
    assert load(release, "a", engine) == loaded
    searched, index = through_engine(release, "a", EngineChoice(engine, 3.0, "none"))
    for user in range(40):
        for excluded in (NOBODY, np.arange(user % 9), np.arange(27)):
            own, by_engine = (each.searcher.search(user, 10, excluded) for each in (release, searched))
            assert by_engine.rows.tolist() == own.rows.tolist()
            assert by_engine.scores.tolist() == own.scores.tolist()
    assert index.problem() is None


def test_of_thousands_of_items_the_first_ten_are_found(
    server: LiteServer, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "CHOSEN", 20)
    monkeypatch.setattr(loading, "MEASURED", 20)
    release, engine = of_many_items(load_release(releases / "a"), 5_000), opened(server)
    loaded = load(release, "many", engine)
    assert loaded.recall >= 0.99
    assert loaded.nominate < 5_000
    searched, _ = through_engine(release, "many", EngineChoice(engine, 3.0, "none"))
    shares = []
    for user in range(220, 240):
        seen = np.arange(user, 5_000, 11)
        best, exact = (each.searcher.search(user, 10, seen).rows for each in (searched, release))
        assert not np.isin(best, seen).any()
        shares.append(len(np.intersect1d(best, exact)) / 10)
    assert np.mean(shares) >= 0.99


def test_a_server_that_is_killed_is_stood_in_for_and_used_again_when_it_is_back(
    server: LiteServer, releases: Path
) -> None:
    release = load_release(releases / "a")
    load(release, "a", opened(server))
    searched, index = through_engine(release, "a", EngineChoice(opened(server, 5.0), 0.2, "index"))
    expected = release.searcher.search(7, 10, NOBODY).rows.tolist()
    assert (searched.searcher.search(7, 10, NOBODY).rows.tolist(), index.problem()) == (expected, None)
    server.kill()
    began = time.monotonic()
    assert searched.searcher.search(7, 10, NOBODY).rows.tolist() == expected
    assert time.monotonic() - began < 10
    problem = index.problem()
    assert problem is not None
    assert server.url in problem
    server.start()
    until(lambda: index.problem() is None, 60)
    assert searched.searcher.search(7, 10, NOBODY).rows.tolist() == expected


def test_a_load_that_ended_goes_on_and_other_weights_take_the_place_of_the_first(
    server: LiteServer, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 4)
    release, engine = load_release(releases / "a"), opened(server)
    add: Callable[..., None] = engine.add

    def until_the_fourth(collection: str, first: int, vectors: Any) -> None:
        if first >= 12:
            raise EngineAway("ended")
        add(collection, first, vectors)

    monkeypatch.setattr(engine, "add", until_the_fourth)
    with pytest.raises(EngineAway, match="ended"):
        load(release, "a", engine)
    assert engine.loaded("a") is None
    again = opened(server)
    first = load(release, "a", again)
    assert again.count(first.collection) == 30
    second = load(load_release(releases / "b"), "a", again)
    assert list(again.all_loaded()) == [second]
    with pytest.raises(EngineAway):
        again.count(first.collection)


def test_the_commands_load_list_and_remove_by_a_path(releases: Path, tmp_path: Path) -> None:
    env = environment(
        releases_dir=releases,
        vector_engine=tmp_path / "local.db",
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'ktup.db'}",
        vector_engine_timeout_ms=20_000,
    )
    assert command("app", "migrate", env=env).returncode == 0
    for name in ("a", "b"):
        done = command("app", "vectors", "load", name, env=env)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{name}: 30 items in ktup_{name}_")
    listed = command("app", "vectors", "list", env=env)
    assert [line.split()[1] for line in listed.stdout.splitlines() if "ktup_" in line] == ["a", "b"]
    only = command("app", "vectors", "load", "b", "--only", env=env)
    assert only.stdout.splitlines()[1:] == ["a is taken out."], only.stderr
    gone = command("app", "vectors", "remove", "a", env=env)
    assert (gone.returncode, "does not hold 'a'" in gone.stderr.replace("\n", " ")) == (2, True), gone.stderr
    assert command("app", "vectors", "remove", "b", env=env).stdout == "b is taken out.\n"
    away = command("app", "vectors", "list", env={**env, "KTUP_VECTOR_ENGINE": f"http://127.0.0.1:{free_port()}"})
    assert away.returncode == 2
    assert "The vector engine does not answer" in away.stderr
