"""`score-users`: everybody's list as the service gives it; a run that was killed goes on; another one is refused."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from anyio import to_thread

from app.lists import engine
from app.lists.engine import in_this_process
from app.lists.folder import ListsError, ListsFolder, Manifest, Question
from tests.lists.conftest import NEW_PEOPLE, ROOT, Home, run, serving
from tests.lists.reading import digests, lists_of, served

pytestmark = pytest.mark.anyio
MANIFEST = Manifest("random", "then", Question(), True, 10_000, 1, ("u003",))


async def test_the_lists_of_all_users_are_those_of_the_service(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    replace(MANIFEST, chunk_users=200, bounds=("u150", "u300")).write(folder / "manifest.json")
    assert (
        sum(await to_thread.run_sync(lambda: list(in_this_process(ListsFolder(folder), [0, 1, 2], home.settings))))
        > 400
    )
    found = lists_of(folder)
    async with serving(home.settings) as client:
        users = [user["user_id"] for user in (await client.get("/users?limit=1000")).json()["users"]]
        assert len(users) > 400
        assert set(NEW_PEOPLE) < set(users)
        expected = {user_id: await served(client, user_id) for user_id in users}
    assert found == expected
    strategies = {user_id: lines[0][-2] for user_id, lines in found.items()}
    assert (strategies["came-later"], strategies["nobody-yet"]) == ("fold_in", "popular")
    assert strategies["u004"] == strategies["u007"] == "personalized"
    assert any(line[1] == "a-new-film" for lines in found.values() for line in lines)
    assert not any(line[1] == "moonrise-kingdom-2012" for lines in found.values() for line in lines)
    assert {line[5] for line in found["u004"]} <= {"grounded", "model_only"}


async def test_without_reasons_there_is_none(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    options = ("--explain", "none", "--limit", 3, "--no-answers", "--release", "other")
    done = run("app", "score-users", folder, *options, **home.environment)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (folder / "chunk=00000").iterdir()) == ["lists.parquet"]
    table = pl.read_parquet(folder / "chunk=00000" / "lists.parquet")
    assert table["relation"].null_count() == table["share"].null_count() == table.height
    assert set(table["release"]) == {"other"}
    assert set(table["rank"]) == {1, 2, 3}


def test_a_run_that_was_killed_makes_only_what_is_missing(home: Home, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    options = ("--chunk-users", "20", "--explain", "none")
    assert run("app", "score-users", whole, *options, **home.environment).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "score-users", str(killed), *options],
        cwd=ROOT,
        env={**os.environ, **home.environment, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while len(list(killed.glob("chunk=*"))) < 2:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    there = {path.name: path.stat().st_mtime_ns for path in killed.glob("chunk=*")}
    assert 2 <= len(there) < len(digests(whole))
    (killed / ".chunk=00001.left").mkdir()
    done = run("app", "score-users", killed, *options, **home.environment)
    assert done.returncode == 0, done.stderr
    assert f"{len(there)} were there" in done.stdout
    assert {name: (killed / name).stat().st_mtime_ns for name in there} == there
    assert digests(killed) == digests(whole)
    assert not list(killed.glob(".chunk=*"))
    assert ListsFolder(killed).missing(ListsFolder(killed).manifest()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"release": "other"}, "release: 'random' there, 'other' asked for"),
        ({"release_created_at": "later"}, "release_created_at: 'then' there, 'later' asked for"),
        ({"limit": 5}, "limit: 10 there, 5 asked for"),
        (
            {"explain": "none", "lang": "de"},
            "explain: 'summary' there, 'none' asked for; lang: None there, 'de' asked for",
        ),
        ({"answers": False}, "answers: True there, False asked for"),
        ({"chunk_users": 7}, "chunk_users: 10000 there, 7 asked for"),
        ({"tenant": 2}, "tenant: 1 there, 2 asked for"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    folder = ListsFolder(tmp_path / "lists")
    asked = {name: changes.pop(name) for name in list(changes) if name in ("limit", "explain", "lang", "fallback")}
    with folder.locked():
        first = folder.begin(MANIFEST)
        assert folder.begin(replace(MANIFEST, bounds=("z",))) == first == MANIFEST
        with pytest.raises(ListsError, match=rf"holds other lists \({told}\): choose another folder"):
            folder.begin(replace(MANIFEST, question=replace(Question(), **asked), **changes))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    folder = ListsFolder(tmp_path)
    with folder.locked(), pytest.raises(ListsError, match=r"is not empty \(holiday.jpg is there\)"):
        folder.begin(MANIFEST)


def test_a_release_that_is_not_there_is_told(home: Home, tmp_path: Path) -> None:
    done = run("app", "score-users", tmp_path / "lists", "--release", "nothing", **home.environment)
    assert (done.returncode, "nothing" in done.stderr) == (2, True)
    assert not (tmp_path / "lists" / "manifest.json").exists()


def test_two_runs_at_once_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = ListsFolder(tmp_path / "lists")
    with folder.locked(), pytest.raises(ListsError, match="another run works on this folder"), folder.locked():
        pass
    with folder.locked():
        pass


def test_chunks_are_made_by_id_and_who_comes_later_is_in_the_last_one(home: Home, tmp_path: Path) -> None:
    folder = ListsFolder(tmp_path)
    manifest = Manifest("random", "", Question(explain="none"), False, 2, 1, ("u001", "u003"))
    manifest.write(tmp_path / "manifest.json")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in home.environment.items():
            patch.setenv(name, value)
        users = list(in_this_process(folder, [1]))
    assert users == [2]
    assert set(lists_of(tmp_path)) == {"u002", "u003"}
    assert manifest.span(0) == (None, "u001")
    assert manifest.span(2) == ("u003", None)
    assert folder.missing(manifest) == [0, 2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no manifest of lists"),
        ("[]", "is no manifest of lists"),
        ('{"format_version": 1}', "is no manifest of lists"),
        ('{"format_version": 9, "kind": "lists"}', "expected lists of version 1"),
        ('{"format_version": 1, "kind": "release"}', "expected lists of version 1"),
        (json.dumps({"format_version": 1, "kind": "lists", "question": {}, "bounds": []}), "is no manifest of lists"),
    ],
)
def test_a_broken_manifest_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ListsError, match=told):
        ListsFolder(tmp_path).manifest()


def test_workers_without_their_engine_name_the_group_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ListsError, match="pip install --group cluster"):
        engine.check_installed()


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "ray://head", "head:0", "head:65536", "head:x"])
def test_an_address_that_is_none_says_what_one_is(address: str) -> None:
    with pytest.raises(ListsError, match=re.escape(f"expected HOST:PORT, ray://HOST:PORT or auto, got {address!r}")):
        engine.check_reachable(address)


def test_a_cluster_that_does_not_answer_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "auto"):
            engine.check_reachable(address)
    with pytest.raises(ListsError, match=f"no Ray cluster answers at 127.0.0.1:{port}: .*Connect call failed"):
        engine.check_reachable(f"127.0.0.1:{port}")
