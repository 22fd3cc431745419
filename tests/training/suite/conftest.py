from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.training.suite import small
from training.data.indexed import IndexedDataset
from training.suite.result import RunResult


@dataclass(frozen=True)
class Finished:
    """A suite that nobody killed; not to be changed."""

    preset: Path
    folder: Path
    results: Mapping[str, RunResult]
    told: list[str]


@pytest.fixture(scope="session")
def finished(world: IndexedDataset, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    place = tmp_path_factory.mktemp("suite")
    preset, progress = small.write_preset(place), small.Watching()
    results = small.run(small.request(preset), world, place / "out", progress)
    return Finished(preset, place / "out", results, progress.told)
