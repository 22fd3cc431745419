"""Checkpoints and releases: whole or refused, with the reason."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.checkpoint import (
    CheckpointError,
    file_hash,
    load_checkpoint,
    read_checkpoint_manifest,
    write_checkpoint,
)
from models.interface import Sizes
from models.registry import build, config_from
from models.release import load_release, write_release
from models.retrieval.answers import Answers
from models.retrieval.calibration import KINDS, Calibration, Curve
from models.retrieval.index import PreferenceIndex
from models.retrieval.roles import Roles
from models.vocabulary import Vocabulary

VOCABULARIES = {
    "users": Vocabulary(["u1", "u2"]),
    "items": Vocabulary(["i1", "i2", "i3"]),
    "entities": Vocabulary(["e1", "e2"]),
    "relations": Vocabulary(["r1", "r2"]),
}
TRIPLES = np.array([[0, 0, 1], [1, 1, 0], [0, 1, 0]])


def make_model(seed: int = 0) -> Any:
    sizes = Sizes(2, 3, 2, 2, torch.tensor([0, -1, 1]))
    return build("ktup", config_from("ktup", {"embedding_size": 4}), sizes, torch.Generator().manual_seed(seed))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "checkpoint", "ktup", make_model(), VOCABULARIES, {"epoch": 3})
    return tmp_path / "checkpoint"


@pytest.fixture
def release(tmp_path: Path, checkpoint: Path) -> Path:
    loaded = load_checkpoint(checkpoint)
    index = PreferenceIndex.build(loaded.model, VOCABULARIES["items"].content_hash)
    write_release(tmp_path / "first", checkpoint, index, Roles.of_triples(TRIPLES, 2), {"index": {"nominate": 3}})
    return tmp_path / "first"


def test_a_checkpoint_gives_back_what_was_written(checkpoint: Path) -> None:
    loaded = load_checkpoint(checkpoint)
    for name, tensor in make_model().state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)
    assert dict(loaded.vocabularies) == VOCABULARIES
    assert loaded.manifest["epoch"] == 3
    assert not loaded.model.training


@pytest.mark.parametrize("saying", ["cuda", "cuda:7"])
def test_c69_a_checkpoint_that_says_cuda_is_loaded_onto_the_cpu(checkpoint: Path, saying: str) -> None:
    _edit_manifest(checkpoint, device=saying, training={"device": saying})
    with safe_open(checkpoint / "weights.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    save_file(tensors, checkpoint / "weights.safetensors", {"device": saying})
    _rehash(checkpoint, "weights.safetensors")
    model = load_checkpoint(checkpoint).model
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"cpu"}
    assert torch.equal(model.score_items(torch.arange(2)), make_model().eval().score_items(torch.arange(2)))


def test_c67_a_checkpoint_is_tensors_and_plain_json(checkpoint: Path) -> None:
    names = {path.name for path in checkpoint.iterdir()}
    assert names == {"manifest.json", "weights.safetensors", *(f"{kind}.json" for kind in VOCABULARIES)}
    assert all(isinstance(t, torch.Tensor) for t in load_file(checkpoint / "weights.safetensors").values())
    json.loads((checkpoint / "manifest.json").read_text(encoding="utf-8"))


def _rehash(directory: Path, *names: str) -> None:
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"].update({name: file_hash(directory / name) for name in names})
    (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _edit_manifest(directory: Path, **values: Any) -> None:
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    (directory / "manifest.json").write_text(json.dumps({**manifest, **values}), encoding="utf-8")


def _cut(directory: Path) -> None:
    weights = directory / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])


def _cut_and_vouch(directory: Path) -> None:
    _cut(directory)
    _rehash(directory, "weights.safetensors")


def _flip_a_bit(directory: Path) -> None:
    content = bytearray((directory / "weights.safetensors").read_bytes())
    content[-3] ^= 1
    (directory / "weights.safetensors").write_bytes(content)


def _not_finite(directory: Path) -> None:
    weights = load_file(directory / "weights.safetensors")
    weights["users"][0, 0] = float("nan")
    save_file(weights, directory / "weights.safetensors")
    _rehash(directory, "weights.safetensors")


def _one_user_more(directory: Path) -> None:
    Vocabulary(["u1", "u2", "u3"]).save(directory / "users.json")
    _rehash(directory, "users.json")


def _other_order(directory: Path) -> None:
    Vocabulary(["i3", "i2", "i1"]).save(directory / "items.json")
    _rehash(directory, "items.json")


def _lost_table(directory: Path) -> None:
    weights = load_file(directory / "weights.safetensors")
    del weights["entities"]
    save_file(weights, directory / "weights.safetensors")
    _rehash(directory, "weights.safetensors")


def _other_shape(directory: Path) -> None:
    weights = load_file(directory / "weights.safetensors")
    weights["users"] = torch.zeros(3, 4)
    save_file(weights, directory / "weights.safetensors")
    _rehash(directory, "weights.safetensors")


def _alignment_outside(directory: Path) -> None:
    weights = load_file(directory / "weights.safetensors")
    weights["alignment"] = torch.tensor([0, -1, 9])
    save_file(weights, directory / "weights.safetensors")
    _rehash(directory, "weights.safetensors")


def _pickled(directory: Path) -> None:
    (directory / "weights.safetensors").write_bytes(pickle.dumps({"users": [1.0]}))
    _rehash(directory, "weights.safetensors")


FAULTS: list[tuple[Callable[[Path], Any], str]] = [
    (_cut, "cut or was altered"),
    (_cut_and_vouch, "cannot be read"),
    (_flip_a_bit, "cut or was altered"),
    (_not_finite, "'users' are not all finite"),
    (_one_user_more, "vocabulary of users"),
    (_other_order, "vocabulary of items"),
    (_lost_table, "'entities' are missing"),
    (_other_shape, "'users' have shape"),
    (_alignment_outside, "alignment"),
    (_pickled, "cannot be read"),
    (lambda d: (d / "weights.safetensors").unlink(), "weights.safetensors is missing"),
    (lambda d: (d / "manifest.json").unlink(), "manifest.json is missing"),
    (lambda d: (d / "manifest.json").write_text("{"), "not a checkpoint manifest"),
    (lambda d: (d / "manifest.json").write_text("[]"), "not a checkpoint manifest"),
    (lambda d: _edit_manifest(d, format_version=99), "format version 99"),
    (lambda d: _edit_manifest(d, model={"name": "nobody", "config": {}}), "nobody"),
    (lambda d: _edit_manifest(d, files={"../outside": "0"}), "outside"),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS)
def test_c70_a_checkpoint_that_is_not_whole_is_refused_with_the_reason(
    checkpoint: Path, fault: Callable[[Path], Any], reason: str
) -> None:
    fault(checkpoint)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(checkpoint)


def test_an_error_says_which_folder_it_is(checkpoint: Path) -> None:
    _cut(checkpoint)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(checkpoint)
    assert str(caught.value).startswith(f"{checkpoint}: weights.safetensors is cut")


def test_a_release_in_place_of_a_checkpoint_is_told_with_where_its_checkpoint_is(release: Path) -> None:
    for read in (load_checkpoint, read_checkpoint_manifest):
        with pytest.raises(CheckpointError) as caught:
            read(release)
        assert str(caught.value) == f"{release}: this is a release; its checkpoint is the folder 'model' in it"
    assert load_checkpoint(release / "model").model_name == "ktup"


def test_a_manifest_of_something_else_is_told(checkpoint: Path) -> None:
    (checkpoint / "manifest.json").write_text('{"format_version": 1, "name": "a data set"}')
    with pytest.raises(CheckpointError, match="that of something else than a checkpoint"):
        read_checkpoint_manifest(checkpoint)


def test_c57_a_model_that_is_not_finite_is_never_written(tmp_path: Path) -> None:
    model = make_model()
    with torch.no_grad():
        model.users[1, 1] = float("inf")
    with pytest.raises(CheckpointError, match="users"):
        write_checkpoint(tmp_path / "bad", "ktup", model, VOCABULARIES, {})
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_never_overwritten(checkpoint: Path) -> None:
    before = file_hash(checkpoint / "weights.safetensors")
    with pytest.raises(FileExistsError):
        write_checkpoint(checkpoint, "ktup", make_model(1), VOCABULARIES, {})
    assert file_hash(checkpoint / "weights.safetensors") == before


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_checkpoint(tmp_path / "bad", "ktup", make_model(), VOCABULARIES, {"no_json": object()})
    assert list(tmp_path.iterdir()) == []


def test_c68_a_pickle_in_place_of_the_weights_is_not_run(tmp_path: Path, checkpoint: Path) -> None:
    class Planted:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "owned",))

    torch.save(Planted(), checkpoint / "weights.safetensors")
    _rehash(checkpoint, "weights.safetensors")
    with pytest.raises(CheckpointError):
        load_checkpoint(checkpoint)
    assert not (tmp_path / "owned").exists()


def test_a_release_gives_back_model_index_and_roles(release: Path) -> None:
    loaded = load_release(release)
    assert loaded.manifest["release_id"] == "first"
    assert loaded.checkpoint.model.users.dtype == torch.float64
    assert loaded.searcher.search(0, 3, np.empty(0, np.int64)).rows.shape == (3,)
    assert loaded.roles.entities(0, "head").tolist() == [0]
    assert loaded.roles.entities(1, "head").tolist() == [0, 1]
    assert loaded.roles.entities(1, "tail").tolist() == [0]
    assert loaded.roles.relations_between(0, 0, 2).tolist() == [1]
    assert loaded.roles.relations_between(1, 1, 2).tolist() == []


CALIBRATION = Calibration(
    5.0,
    Answers(TRIPLES, 2),
    {kind: Curve(*(torch.full((2,), 0.5, dtype=torch.float64) for _ in range(4))) for kind in KINDS},
)


@pytest.fixture
def calibrated(tmp_path: Path, checkpoint: Path) -> Path:
    index = PreferenceIndex.build(load_checkpoint(checkpoint).model, VOCABULARIES["items"].content_hash)
    values = {"index": {"nominate": 3}}
    write_release(tmp_path / "first", checkpoint, index, Roles.of_triples(TRIPLES, 2), values, CALIBRATION)
    return tmp_path / "first"


def test_a_release_gives_back_its_calibration(calibrated: Path) -> None:
    loaded = load_release(calibrated).calibration
    assert loaded is not None
    typed, scores = np.array([True, False]), np.array([0.3, -0.4])
    found = loaded.probabilities("head", 0, 0, scores, typed)
    assert np.array_equal(found, CALIBRATION.probabilities("head", 0, 0, scores, typed))
    assert np.isfinite(found).all()


def test_a_release_from_before_calibration_loads_without_one(release: Path) -> None:
    assert "calibration.safetensors" not in json.loads((release / "manifest.json").read_text())["files"]
    assert load_release(release).calibration is None


def _other_calibration(directory: Path, name: str, tensor: torch.Tensor) -> None:
    path = directory / "calibration.safetensors"
    save_file({**load_file(path), name: tensor}, path)
    _rehash(directory, "calibration.safetensors")


CALIBRATION_FAULTS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda d: save_file({}, d / "calibration.safetensors"), "calibration.safetensors is cut or was altered"),
    (lambda d: (d / "calibration.safetensors").unlink(), "calibration.safetensors is missing"),
    (lambda d: _other_calibration(d, "sharpness", torch.tensor([float("nan")])), "'sharpness'"),
    (lambda d: _other_calibration(d, "tail.typed.offsets", torch.zeros(3, dtype=torch.float64)), "tail.typed.offsets"),
    (lambda d: _other_calibration(d, "stored", torch.tensor([[0, 0, 2]], dtype=torch.int32)), "stored facts"),
]


@pytest.mark.parametrize(("fault", "reason"), CALIBRATION_FAULTS)
def test_a_release_whose_calibration_was_tampered_with_is_refused(
    calibrated: Path, fault: Callable[[Path], Any], reason: str
) -> None:
    fault(calibrated)
    with pytest.raises(CheckpointError, match=reason):
        load_release(calibrated)


def test_another_user_may_read_every_file_of_a_release(release: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in release.rglob("*") if path.is_file()}
    assert modes == {0o644}


RELEASE_FAULTS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda d: _cut(d / "model"), "cut or was altered"),
    (lambda d: (d / "roles.safetensors").unlink(), "roles.safetensors is missing"),
    (lambda d: (d / "roles.safetensors").write_bytes(b"x"), "cut or was altered"),
    (lambda d: _edit_manifest(d / "model", epoch=4), "model/manifest.json is cut or was altered"),
    (lambda d: _edit_manifest(d, kind="checkpoint", format_version=1), "not a release"),
    (lambda d: _edit_manifest(d, release_id="second"), "'second'"),
    (lambda d: _edit_manifest(d, files={}), "does not vouch"),
    (lambda d: _edit_manifest(d, index={}), "nominate"),
]


@pytest.mark.parametrize(("fault", "reason"), RELEASE_FAULTS)
def test_a_release_that_is_not_whole_is_refused_with_the_reason(
    release: Path, fault: Callable[[Path], Any], reason: str
) -> None:
    fault(release)
    with pytest.raises(CheckpointError, match=reason):
        load_release(release)


def test_an_index_of_other_weights_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    index = PreferenceIndex.build(load_checkpoint(checkpoint).model, "the hash of other items")
    write_release(tmp_path / "mixed", checkpoint, index, Roles.of_triples(TRIPLES, 2), {"index": {"nominate": 3}})
    with pytest.raises(CheckpointError, match="items_hash"):
        load_release(tmp_path / "mixed")


@pytest.mark.parametrize("name", ["..", "a b", "é", ".hidden", "x" * 101])
def test_a_release_id_is_a_plain_name(tmp_path: Path, checkpoint: Path, name: str) -> None:
    index = PreferenceIndex.build(load_checkpoint(checkpoint).model, "h")
    with pytest.raises(ValueError, match="no release id"):
        write_release(tmp_path / name, checkpoint, index, Roles.of_triples(TRIPLES, 2), {})
