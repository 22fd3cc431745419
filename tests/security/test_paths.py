"""Names that would lead out of a folder: by the API, the commands and manifests; nothing outside is read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app.errors import UnknownRelease
from app.inference import FileReleaseStore
from app.tenancy import of_tenant
from models.checkpoint import CheckpointError, file_hash, load_checkpoint
from models.release import load_release
from tests.app.conftest import Backend, Start
from tests.models.test_checkpoint import checkpoint, release
from tests.training import planted

__all__ = ["checkpoint", "release"]
pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]

NAMES = [
    "../first",
    "..",
    ".",
    "folder/../../first",
    "..\\first",
    "/etc/passwd",
    "first\0",
    ".tenant-2",
    "~root",
    "a" * 101,
]
"""Names that are no names: `first` lies beside the folder that they are asked of."""


@pytest.fixture
def folder(release: Path) -> Path:
    """An empty folder of releases beside a good release, which `../first` would be."""
    assert release.name == "first"
    (release.parent / "releases").mkdir()
    (release.parent / "releases" / "folder").mkdir()
    return release.parent / "releases"


def complete(directory: Path) -> None:
    """Add what a release says of itself."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text()) | {
        "created_at": "2026-01-31T00:00:00+00:00",
        "model": {"name": "ktup"},
        "dataset": {"name": "planted", "content_hash": ""},
        "metrics": {},
        "counts": {},
    }
    path.write_text(json.dumps(manifest))


def test_a_store_loads_nothing_from_outside_its_folder(folder: Path) -> None:
    load_release(folder.parent / "first")
    for name in (*NAMES, str(folder.parent / "first")):
        with pytest.raises(UnknownRelease):
            FileReleaseStore(folder).load(name)
    assert [info.release_id for info in FileReleaseStore(folder).list()] == ["folder"]


def test_a_tenant_reaches_no_release_of_another(folder: Path) -> None:
    (folder / ".tenant-2").mkdir()
    (folder.parent / "first").rename(folder / ".tenant-2" / "first")
    complete(folder / ".tenant-2" / "first")
    store = FileReleaseStore(folder)
    with of_tenant(2):
        assert store.load("first").info.release_id == "first"
    for tenant, names in ((1, ["first", ".tenant-2/first", ".tenant-2"]), (3, ["first", "../.tenant-2/first"])):
        for name in names:
            with of_tenant(tenant), pytest.raises(UnknownRelease):
                store.load(name)


async def test_the_api_activates_and_compares_nothing_from_outside(
    backend: Backend, database: object, start: Start, folder: Path
) -> None:
    async with start(backend.settings(releases_dir=folder), FileReleaseStore(folder)) as client:
        for name in NAMES:
            segment = quote(name, safe="").replace(".", "%2E")
            for method, path in (
                ("POST", f"/releases/{segment}/activate"),
                ("GET", f"/releases/{segment}/diff"),
                ("POST", "/releases/ab"),
            ):
                body = {"a": name, "b": name, "share": 0.5} if path == "/releases/ab" else None
                answer = await client.request(method, path, json=body)
                assert answer.status_code in (404, 409, 422, 503), (method, path, answer.text)
        assert (await client.get("/health/ready")).json()["missing"].keys() == {"release"}


@pytest.mark.parametrize("field", ["dataset", "preset", "system"])
async def test_a_training_job_names_no_path(client: httpx.AsyncClient, field: str) -> None:
    for name in (*NAMES, "--help", "-x", ""):
        answer = await client.post("/training-jobs", json={field: name})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), name
    answer = await client.post("/training-jobs", json={"settings": {"../x": 1, "--out": "x", "model.norm ": "l1"}})
    assert answer.status_code == 422
    assert (await client.get("/training-jobs")).json()["jobs"] == []


def run(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")}
    environment |= {
        "KTUP_DATABASE_URL": f"sqlite:///{tmp_path / 'ktup.db'}",
        "KTUP_RELEASES_DIR": str(tmp_path / "releases"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_commands_refuse_such_a_name_in_one_line(tmp_path: Path, folder: Path) -> None:
    assert run(tmp_path, "app", "migrate").returncode == 0
    refused = run(tmp_path, "app", "activate", "../first")
    assert (refused.returncode, refused.stderr) == (2, "error: No release has the id '../first'.\n")
    planted.dataset().save(tmp_path / "dataset")
    before = sorted(tmp_path.iterdir())
    made = run(
        tmp_path,
        *("training", "release", "--data", tmp_path / "dataset", "--checkpoint", tmp_path / "checkpoint"),
        *("--releases", folder, "--id", "../outside"),
    )
    assert made.returncode == 2, made.stderr
    assert made.stderr.startswith("error: ")
    assert "Traceback" not in made.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["../outside.bin", "/etc/hostname", "model/../../outside.bin"])
def test_a_manifest_that_vouches_for_a_file_outside_is_refused(checkpoint: Path, release: Path, name: str) -> None:
    outside = release.parent / "outside.bin"
    outside.write_bytes(b"x")
    for directory, load in ((release, load_release), (checkpoint, load_checkpoint)):
        path = directory / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["files"][name] = file_hash(outside)
        path.write_text(json.dumps(manifest))
        with pytest.raises(CheckpointError, match="a file outside of it"):
            load(directory)
