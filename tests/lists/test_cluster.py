"""The same lists by workers of Ray Data: `pip install --group cluster`, then `make test-cluster`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.lists.engine import in_this_process, on_ray
from app.lists.folder import ListsError, ListsFolder, Manifest, Question
from tests.lists.conftest import ROOT, Home, run
from tests.lists.reading import digests

pytestmark = pytest.mark.cluster
pytest.importorskip("ray.data", reason="the group `cluster` is not installed")
OPTIONS = ("--chunk-users", "50", "--explain", "none")


def test_workers_make_what_one_process_makes_also_after_a_kill(home: Home, tmp_path: Path) -> None:
    whole, spread = tmp_path / "whole", tmp_path / "spread"
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "score-users", str(spread), *OPTIONS, "--workers", "2"],
        cwd=ROOT,
        env={**os.environ, **home.environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not list(spread.glob("chunk=*")):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    there = {path.name: path.stat().st_mtime_ns for path in spread.glob("chunk=*")}
    done = run("app", "score-users", spread, *OPTIONS, "--workers", "2", **home.environment)
    assert done.returncode == 0, done.stderr
    shutil.copytree(spread, whole, ignore=shutil.ignore_patterns("chunk=*", ".*"))
    manifest = ListsFolder(whole).manifest()
    list(in_this_process(ListsFolder(whole), range(manifest.n_chunks), home.settings))
    assert digests(spread) == digests(whole)
    assert {name: (spread / name).stat().st_mtime_ns for name in there} == there


def test_what_stops_a_worker_is_told_in_one_sentence(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    Manifest("gone", "", Question(), False, 10, 1, ()).write(tmp_path / "manifest.json")
    with pytest.raises(ListsError, match=r"a worker failed: .*id 'gone'"):
        list(on_ray(ListsFolder(tmp_path), [0], 1))
