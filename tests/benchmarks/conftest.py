import pytest

from tests.training import planted
from training.data.indexed import IndexedDataset


@pytest.fixture(scope="session")
def world() -> IndexedDataset:
    """The planted world (tests/training/planted.py) as rows."""
    return planted.indexed()
