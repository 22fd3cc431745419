"""Releases of former versions of the format still load and answer; those of later ones are refused by their number."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.inference import FileReleaseStore
from models.checkpoint import RELEASE_VERSIONS, CheckpointError
from models.release import LOOKUP_FORMAT, RELEASE_FORMAT, load_release

FORMER = Path(__file__).parent / "former"
VERSIONS = sorted(int(path.name.removeprefix("release-")) for path in FORMER.glob("release-*"))


def test_every_former_version_that_is_said_to_be_read_is_there_to_be_tried() -> None:
    assert [*VERSIONS, RELEASE_FORMAT, LOOKUP_FORMAT] == list(RELEASE_VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_release_of_a_former_version_answers_by_the_equation(version: int) -> None:
    release = load_release(FORMER / f"release-{version}")
    assert release.manifest["format_version"] == version
    for user in (0, 1):
        scores = release.checkpoint.model.score_pairs(torch.full((3,), user), torch.arange(3)).detach().numpy()
        found = release.searcher.search(user, 3, np.empty(0, np.int64))
        assert found.rows.tolist() == np.argsort(-scores).tolist()
        assert np.allclose(found.scores, np.sort(scores)[::-1], rtol=0, atol=1e-9)
    assert release.roles.entities(1, "head").tolist() == [0, 1]
    assert release.calibration is None


@pytest.mark.parametrize("version", VERSIONS)
def test_the_service_lists_and_serves_a_release_of_a_former_version(version: int) -> None:
    store = FileReleaseStore(FORMER)
    (info,) = [info for info in store.list() if info.release_id == f"release-{version}"]
    assert (info.problem, info.metrics) == (None, {"recommendation": {"f1": 0.25}})
    listed = store.load(f"release-{version}").recommend("u2", 2, ["i1"])
    assert sorted(item.item_id for item in listed) == ["i2", "i3"]
    assert listed[0].score > listed[1].score


@pytest.mark.parametrize("version", [0, LOOKUP_FORMAT + 1, "2", True, None, 1.0])
def test_a_release_of_a_version_that_nobody_wrote_yet_is_refused_by_its_number(tmp_path: Path, version: Any) -> None:
    shutil.copytree(FORMER / "release-1", tmp_path / "release-1")
    manifest = json.loads((tmp_path / "release-1" / "manifest.json").read_text())
    (tmp_path / "release-1" / "manifest.json").write_text(json.dumps({**manifest, "format_version": version}))
    with pytest.raises(CheckpointError, match=rf"format version {version!r} is not 1 or 2 or 3"):
        load_release(tmp_path / "release-1")
