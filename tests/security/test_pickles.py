"""Planted pickles: in every file of a checkpoint, a release, a data set and a run, each is refused and never run."""

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from app.dataset import DatasetReader
from app.dataset import InvalidDataset as NotImportable
from app.errors import ReleaseRefused
from app.inference import FileReleaseStore
from models.checkpoint import CheckpointError, file_hash, load_checkpoint
from models.release import load_release
from tests.app.conftest import Backend, Start
from tests.models.test_checkpoint import checkpoint, release
from tests.training import planted
from training.data.dataset import Dataset
from training.data.errors import InvalidDataset
from training.run_state import STATE, ResumeError, load_state
from training.suite.errors import SuiteError
from training.suite.result import USERS, read_users

__all__ = ["checkpoint", "release"]


class Payload:
    """Whoever loads it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """The folder that a pickle makes where it is run; at the end of each test there is none."""
    yield tmp_path / "it-ran"
    assert not (tmp_path / "it-ran").exists()


def a_pickle(mark: Path) -> bytes:
    return pickle.dumps(Payload(mark))


def a_torch_file(mark: Path) -> bytes:
    """What `torch.save` writes: a zip file with a pickle in it."""
    path = mark.with_name("planted.pt")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload(mark), protocol=2))
        archive.writestr("archive/version", "3\n")
    return path.read_bytes()


def a_numpy_file(mark: Path) -> bytes:
    path = mark.with_name("planted.npz")
    np.savez(path, users=np.array([Payload(mark)], dtype=object), train_interactions=np.ones(1), f1=np.ones(1))
    return path.read_bytes()


PLANTED = [a_pickle, a_torch_file, a_numpy_file]


def vouched_for(directory: Path) -> None:
    """Write the hashes of the files as they are now: whoever can write a release can do that, too."""
    for folder in (directory / "model", directory):
        path = folder / "manifest.json"
        if path.is_file():
            manifest = json.loads(path.read_text())
            manifest["files"] = {name: file_hash(folder / name) for name in manifest["files"]}
            path.write_text(json.dumps(manifest))


def files_of(directory: Path) -> list[Path]:
    return sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("plant", PLANTED)
def test_the_payload_would_run_where_it_is_loaded(tmp_path: Path, plant: Callable[[Path], bytes]) -> None:
    mark = tmp_path / "it-ran"
    content = plant(mark)
    if plant is a_torch_file:
        torch.load(mark.with_name("planted.pt"), weights_only=False)
    elif plant is a_numpy_file:
        _ = np.load(mark.with_name("planted.npz"), allow_pickle=True)["users"]
    else:
        pickle.loads(content)
    assert mark.is_dir()


@pytest.mark.parametrize("plant", PLANTED)
def test_a_pickle_in_place_of_any_file_of_a_release_never_runs(
    release: Path, mark: Path, plant: Callable[[Path], bytes]
) -> None:
    # Serving has weights of its own, and does not look at those of the checkpoint.
    names = [name for name in files_of(release) if name.as_posix() != "model/weights.safetensors"]
    assert len(names) >= 9
    for name in names:
        copy = release.with_name("planted") / release.name
        shutil.copytree(release, copy)
        (copy / name).write_bytes(plant(mark))
        if name.name != "manifest.json":
            vouched_for(copy)
        if name.suffix == ".faiss":
            # Not what this FAISS reads: the index is made again, and the file left alone.
            assert load_release(copy).rebuilt.startswith(f"{name} is no index")
        else:
            with pytest.raises(CheckpointError):
                load_release(copy)
            with pytest.raises(ReleaseRefused):
                FileReleaseStore(copy.parent).load(copy.name)
        assert not mark.exists(), name
        shutil.rmtree(copy.parent)


@pytest.mark.parametrize("plant", PLANTED)
def test_a_pickle_in_place_of_any_file_of_a_checkpoint_is_refused(
    checkpoint: Path, mark: Path, plant: Callable[[Path], bytes]
) -> None:
    names = files_of(checkpoint)
    assert len(names) == 6
    for name in names:
        copy = checkpoint.with_name("planted")
        shutil.copytree(checkpoint, copy)
        (copy / name).write_bytes(plant(mark))
        if name.name != "manifest.json":
            vouched_for(copy)
        with pytest.raises(CheckpointError):
            load_checkpoint(copy)
        assert not mark.exists(), name
        shutil.rmtree(copy)


def test_a_pickle_beside_the_files_of_a_release_is_not_looked_at(release: Path, mark: Path) -> None:
    for name in ("weights.pt", "model.pkl", "model/pytorch_model.bin", "index/items.npy", "calibration.pickle"):
        (release / name).write_bytes(a_pickle(mark))
    (release / "conftest.py").write_text(f"import os; os.mkdir({str(mark)!r})")
    (release / "model" / "weights.safetensors").write_bytes(a_torch_file(mark))
    vouched_for(release)
    assert load_release(release).manifest["release_id"] == release.name


@pytest.mark.anyio
async def test_the_api_refuses_to_activate_a_release_with_a_pickle_in_it(
    backend: Backend, database: Any, start: Start, release: Path, mark: Path
) -> None:
    (release / "serving.safetensors").write_bytes(a_torch_file(mark))
    vouched_for(release)
    settings = backend.settings(releases_dir=release.parent)
    async with start(settings, FileReleaseStore(release.parent)) as client:
        answer: httpx.Response = await client.post(f"/releases/{release.name}/activate")
        assert (answer.status_code, answer.json()["code"]) == (409, "release_refused")
        listed = {each["release_id"]: each for each in (await client.get("/releases")).json()["releases"]}
        assert not listed[release.name]["active"]


@pytest.mark.parametrize("plant", PLANTED)
def test_a_pickle_in_place_of_any_file_of_a_data_set_is_refused(
    tmp_path: Path, mark: Path, plant: Callable[[Path], bytes]
) -> None:
    dataset = tmp_path / "dataset"
    planted.dataset().save(dataset)
    names = files_of(dataset)
    assert len(names) >= 8
    for name in names:
        whole = (dataset / name).read_bytes()
        (dataset / name).write_bytes(plant(mark))
        with pytest.raises(InvalidDataset):
            Dataset.load(dataset)
        with pytest.raises(NotImportable):
            DatasetReader(dataset)
        assert not mark.exists(), name
        (dataset / name).write_bytes(whole)


def test_a_pickle_in_the_figures_of_a_run_is_refused(tmp_path: Path, mark: Path) -> None:
    for plant in PLANTED:
        (tmp_path / USERS).write_bytes(plant(mark))
        with pytest.raises(SuiteError):
            read_users(tmp_path)


def test_a_pickle_in_the_state_of_a_run_is_refused(tmp_path: Path, mark: Path) -> None:
    model = torch.nn.Linear(1, 1)
    optimiser, generator = torch.optim.SGD(model.parameters()), torch.Generator()
    for plant in PLANTED:
        (tmp_path / STATE).write_bytes(plant(mark))
        with pytest.raises(ResumeError):
            load_state(tmp_path, "", model, optimiser, generator)
