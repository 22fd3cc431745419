"""The weights that a release is served with: the same numbers as the checkpoint's, mapped rather than copied."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import MANIFEST, CheckpointError, file_hash, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.release import SERVING, load_release, write_release
from models.retrieval.exhaustive import ItemScan
from models.retrieval.roles import Roles
from models.vocabulary import Vocabulary

SIZES = Sizes(30, 40, 50, 3, torch.arange(40))
VOCABULARIES = {
    name: Vocabulary(f"{name[0]}{k}" for k in range(n))
    for name, n in (("users", 30), ("items", 40), ("entities", 50), ("relations", 3))
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    model = build(
        "ktup-soft", config_from("ktup-soft", {"embedding_size": 64}), SIZES, torch.Generator().manual_seed(3)
    )
    write_checkpoint(tmp_path / "checkpoint", "ktup-soft", model, VOCABULARIES, {})
    index = ItemScan.build(model, VOCABULARIES["items"].content_hash)
    roles = Roles.of_triples(torch.tensor([[0, 0, 1]]).numpy(), 3)
    write_release(tmp_path / "r", tmp_path / "checkpoint", index, roles, {"index": {"nominate": 10}})
    return tmp_path / "r"


def without_serving(release: Path) -> None:
    """Make it a release as they were before there were weights for serving."""
    manifest = json.loads((release / MANIFEST).read_text())
    del manifest["files"][SERVING]
    (release / MANIFEST).write_text(json.dumps(manifest))
    (release / SERVING).unlink()


def test_a_release_without_weights_for_serving_answers_bit_for_bit_like_one_with_them(release: Path) -> None:
    users, items = torch.arange(30), torch.arange(30)
    new = load_release(release)
    without_serving(release)
    old = load_release(release)
    assert new.checkpoint.model.users.dtype == old.checkpoint.model.users.dtype == torch.float64
    assert torch.equal(new.checkpoint.model.score_pairs(users, items), old.checkpoint.model.score_pairs(users, items))
    heads, kinds = torch.tensor([0, 1]), torch.tensor([0, 2])
    assert torch.equal(new.checkpoint.model.score_tails(heads, kinds), old.checkpoint.model.score_tails(heads, kinds))


def test_c103_the_weights_are_the_pages_of_the_file_and_no_copy_of_them(release: Path) -> None:
    loaded = load_release(release).checkpoint.model
    ranges = [
        [int(number, 16) for number in line.split()[0].split("-")]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(f"r/{SERVING}")
    ]
    assert ranges
    for name, table in loaded.named_parameters():
        address = table.data_ptr()
        assert any(start <= address < end for start, end in ranges), name


def test_weights_for_serving_that_are_not_those_of_the_manifest_are_refused(release: Path) -> None:
    weights = load_file(release / SERVING)
    weights["users"][0, 0] += 1.0
    save_file(weights, release / SERVING)
    with pytest.raises(CheckpointError, match=f"{SERVING} is cut or was altered"):
        load_release(release)


def test_weights_for_serving_of_another_shape_are_refused(release: Path) -> None:
    weights = load_file(release / SERVING)
    save_file({**weights, "users": weights["users"][1:].contiguous()}, release / SERVING)
    manifest = json.loads((release / MANIFEST).read_text())
    manifest["files"][SERVING] = file_hash(release / SERVING)
    (release / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"'users' have shape \(29, 64\), not \(30, 64\)"):
        load_release(release)


def test_no_release_is_written_of_weights_that_are_not_finite(release: Path) -> None:
    checkpoint = release.parent / "checkpoint"
    weights = load_file(checkpoint / "weights.safetensors")
    weights["items"][3, 1] = torch.nan
    save_file(weights, checkpoint / "weights.safetensors")
    roles = Roles.of_triples(torch.tensor([[0, 0, 1]]).numpy(), 3)
    index = ItemScan.build(load_release(release).checkpoint.model, "hash")
    with pytest.raises(CheckpointError, match="'items' are not all finite"):
        write_release(release.parent / "broken", checkpoint, index, roles, {"index": {"nominate": 10}})
    assert not (release.parent / "broken").exists()
