from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training import planted
from training.data.indexed import IndexedDataset
from training.trainer import TrainingResult


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors are slower on many threads, and runs of several processes are compared bit for bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def world() -> IndexedDataset:
    """The planted world (tests/training/planted.py) as rows."""
    return planted.indexed()


@pytest.fixture(scope="session")
def trained(world: IndexedDataset, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """KTUP, trained on the planted world for 12 epochs; not to be changed."""
    return planted.run(planted.config(epochs=12), world, tmp_path_factory.mktemp("trained"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place for a run."""
    return tmp_path / "run"
