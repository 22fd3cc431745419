"""The disk fills up while a release is written: nothing half written is left, and nobody takes it for a release."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.inference import FileReleaseStore
from tests.faults.conftest import Place, Serve
from tests.faults.processes import ROOT, command, environment


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sample data and a checkpoint of it, by the commands of the offline job."""
    home, env = tmp_path_factory.mktemp("trained"), environment()
    made = command(
        "training", "convert", "data/sample/raw", home / "data", "--name", "sample", "--format", "tables", env=env
    )
    assert made.returncode == 0, made.stderr
    small = ["--set", "epochs=1", "--set", "model.embedding_size=16", "--threads", 1]
    ended = command(
        "training", "train", "--preset", "sample", "--data", home / "data", "--out", home / "run", *small, env=env
    )
    assert ended.returncode == 0, ended.stderr
    return home / "data", home / "run" / "checkpoint"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A disk of 300 kB, where we may mount one; None elsewhere, and a bound for each file does instead."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], check=False, capture_output=True
        ).returncode
        == 0
    )
    yield folder if mounted else None
    if mounted:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_while_a_release_is_written_leaves_no_release_and_is_told_in_one_line(
    trained: tuple[Path, Path], small_disk: Path | None, tmp_path: Path
) -> None:
    data, checkpoint = trained
    folder = small_disk or tmp_path / "releases"
    words = f"-m training release --data {data} --checkpoint {checkpoint} --releases {folder} --id big"
    # In blocks of 1024 bytes: less than the weights have, and more than anything before them.
    bound = "" if small_disk else "ulimit -f 64; trap '' XFSZ; "
    ended = subprocess.run(
        ["bash", "-c", f"{bound}exec {sys.executable} {words}"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    print("a small tmpfs" if small_disk else "RLIMIT_FSIZE", ended.stderr)  # noqa: T201
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "space left" in ended.stderr or "too large" in ended.stderr
    assert list(folder.iterdir()) == []
    assert FileReleaseStore(folder).list() == []


def test_a_disk_that_fills_up_while_a_data_set_is_written_leaves_none(small_disk: Path | None, tmp_path: Path) -> None:
    if small_disk is None:
        pytest.skip("only root may mount a small disk, and a bound for each file is above what the sample writes")
    (small_disk / "filler").write_bytes(bytes(280_000))
    words = ["convert", "data/sample/raw", small_disk / "data", "--name", "sample", "--format", "tables"]
    ended = command("training", *words, env=environment())
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False), ended.stderr
    assert "space left" in ended.stderr
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_what_a_killed_writer_left_is_no_release_and_is_in_nobodys_way(
    on_sqlite: Place, trained: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    data, checkpoint = trained
    releases = tmp_path / "releases"
    partial = releases / ".mine.4711.partial"
    partial.mkdir(parents=True)
    (partial / "manifest.json").write_text(json.dumps({"format_version": 2, "kind": "release", "release_id": "mine"}))
    words = ["--data", data, "--checkpoint", checkpoint, "--releases", releases, "--id", "mine"]
    assert command("training", "release", *words, env=environment()).returncode == 0
    server = serve(Place(on_sqlite.database_url, releases, tmp_path), active="mine")
    listed = server.get("/releases")[1]["releases"]
    assert [(one["release_id"], one["active"], one["problem"]) for one in listed] == [("mine", True, None)]
