"""Finished runs of the planted world, made once: KTUP, its refit, and models with one task."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training import planted
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.refit import refit_config

NAME = "<b>films</b>"


@pytest.fixture(scope="session")
def data() -> Dataset:
    """The planted world with more facts held out, under a name that is markup."""
    return planted.dataset({"triples": planted.more_held_out()}, name=NAME)


@pytest.fixture(scope="session")
def trained(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a finished run of a model, or of the refit of KTUP."""
    home, made = tmp_path_factory.mktemp("runs"), dict[str, Path]()

    def make(name: str) -> Path:
        if name not in made:
            out = home / name
            if name == "refit":
                config = refit_config(make("ktup") / "checkpoint", [])
            else:
                model = planted.KTUP if name == "ktup" else {"name": name, "embedding_size": 8}
                config = planted.config(model, seed=3)
            planted.run(config, IndexedDataset.of(data), out)
            made[name] = out
        return made[name]

    return make
