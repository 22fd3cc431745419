"""C85: an index with a broken file is made again from the weights, in memory; any other broken file is refused."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint import CheckpointError, file_hash, load_checkpoint
from models.release import Release, load_release, write_release
from models.retrieval.roles import Roles
from models.retrieval.stored import KINDS, Kind, build_index, kind_of
from tests.models.test_checkpoint import TRIPLES, VOCABULARIES, checkpoint

__all__ = ["checkpoint"]

FILES: dict[Kind, str] = {
    "scan": "items.safetensors",
    "cells": "cells.safetensors",
    "flat": "preference-0001.faiss",
    "ivfpq": "codes.faiss",
}
# What `git lfs` leaves where the file itself was not fetched.
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a1" * 32 + b"\nsize 4096\n"
BROKEN: list[tuple[bytes | None, str]] = [
    (b"", r"cut or was altered.*: 0 bytes are there, copy it from where the release was made"),
    (b"IxFl", r"cut or was altered.*: 4 bytes are there, copy it"),
    (POINTER, r"a Git LFS pointer is in its place, run `git lfs pull`"),
    (None, r"is missing: copy it"),
]


@pytest.fixture(params=KINDS)
def release(request: pytest.FixtureRequest, tmp_path: Path, checkpoint: Path) -> Path:
    """A release with each kind of index."""
    kind: Kind = request.param
    model = load_checkpoint(checkpoint).model.double()
    index = build_index(model, VOCABULARIES["items"].content_hash, kind)
    values = {"index": {"nominate": 3, "kind": kind}}
    write_release(tmp_path / "first", checkpoint, index, Roles.of_triples(TRIPLES, 2), values)
    return tmp_path / "first"


def kind_in(directory: Path) -> Kind:
    kind: Kind = json.loads((directory / "manifest.json").read_text())["index"]["kind"]
    return kind


def lists(release: Release) -> list[tuple[list[int], list[float]]]:
    n_users = len(release.checkpoint.vocabularies["users"])
    found = release.searcher.search_many(np.arange(n_users), 3, [np.empty(0, np.int64)] * n_users)
    return [(ranking.rows.tolist(), ranking.scores.tolist()) for ranking in found]


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(("content", "said"), BROKEN)
def test_c85_a_broken_index_is_made_again_and_says_which_file_and_what_to_do(
    release: Path, content: bytes | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole, name, kind = load_release(release), FILES[kind_in(release)], kind_in(release)
    # Asked before the file is spoilt: it is mapped.
    expected = lists(whole)
    assert whole.rebuilt == ""
    path = release / "index" / name
    path.unlink() if content is None else path.write_bytes(content)
    before = contents(release)
    with caplog.at_level(logging.WARNING):
        again = load_release(release)
    assert lists(again) == expected
    assert kind_of(again.searcher.index) == kind
    assert contents(release) == before, "a release is never written to"
    (record,) = [record for record in caplog.records if "made again" in record.message]
    assert (record.release, record.reason) == ("first", again.rebuilt)  # type: ignore[attr-defined]
    assert again.rebuilt.startswith(f"index/{name} ")
    assert re.search(said, again.rebuilt), again.rebuilt


def vouch(release: Path, name: str) -> None:
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["files"][name] = file_hash(release / name)
    (release / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("release", ["flat"], indirect=True)
def test_c85_an_index_that_a_later_faiss_wrote_is_made_again_though_the_manifest_vouches_for_it(release: Path) -> None:
    expected, path = lists(load_release(release)), release / "index" / "preference-0001.faiss"
    # The first four bytes of a FAISS file name its type; of this one no FAISS knows.
    path.write_bytes(b"Ix99" + path.read_bytes()[4:])
    vouch(release, "index/preference-0001.faiss")
    again = load_release(release)
    assert re.match(r"index/preference-0001\.faiss is no index that this FAISS can read", again.rebuilt)
    assert lists(again) == expected


@pytest.mark.parametrize("release", ["flat"], indirect=True)
def test_c85_a_broken_index_is_not_read(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (release / "index" / "index.json").write_bytes(b"{}")
    monkeypatch.setattr("faiss.read_index", lambda *_: pytest.fail("a file was read that nothing vouches for"))
    assert load_release(release).rebuilt.startswith("index/index.json is cut or was altered")


def test_c85_a_broken_index_excuses_no_other_broken_file(release: Path) -> None:
    (release / "index" / FILES[kind_in(release)]).write_bytes(b"")
    weights = bytearray((release / "serving.safetensors").read_bytes())
    weights[-1] ^= 1
    (release / "serving.safetensors").write_bytes(weights)
    with pytest.raises(CheckpointError, match=r"serving\.safetensors is cut or was altered"):
        load_release(release)


@pytest.mark.parametrize("release", ["scan"], indirect=True)
def test_c85_a_broken_index_of_a_kind_that_nobody_knows_is_refused(release: Path) -> None:
    (release / "index" / "items.safetensors").write_bytes(b"")
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["index"]["kind"] = "tree"
    (release / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="an index of kind 'tree', expected scan, cells, flat"):
        load_release(release)
