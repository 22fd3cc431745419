"""The service that the guides ask: the sample, trained for a few epochs, released twice and imported, made once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import Place, free_port

MADE = """
python -m training convert --format tables data/sample/raw var/datasets/sample --name sample
python -m training train --data var/datasets/sample --preset sample --set epochs=10 --threads 1 --out var/runs/sample
python -m training release --data var/datasets/sample --checkpoint var/runs/sample/checkpoint --threads 1 --id first
python -m training release --data var/datasets/sample --checkpoint var/runs/sample/checkpoint --threads 1 --id second
python -m training audit --release var/releases/first --data var/datasets/sample --pairs 10 --seed 0 --threads 1
python -m app migrate
python -m app import var/datasets/sample --splits train,valid
python -m app activate first
"""


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `var` as the tutorial's last section leaves it, with a second release and an audit."""
    place = Place(tmp_path_factory.mktemp("prepared"), free_port())
    place.link_sources()
    place.run(MADE)
    return place.folder / "var"


@pytest.fixture
def new_place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Make places that end what they started."""
    places: list[Place] = []

    def make(folder: str = "place", var: Path | None = None, replaced: dict[str, str] | None = None) -> Place:
        home = tmp_path / folder
        home.mkdir()
        place = Place(home, free_port(), replaced)
        places.append(place)
        place.link_sources()
        if var is not None:
            shutil.copytree(var, home / "var")
        return place

    yield make
    for place in places:
        place.close()
