"""C24: ids that no URL and no index of numbers likes, from a file through training to a release, and back."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.inference_people import People
from models.release import Release, load_release
from tests.training import planted
from training.cli_files import app
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.release import make_release

TRAP = Path(__file__).parents[1] / "cases" / "files" / "traps" / "url_ids.csv"
PAIRS = [tuple(line.split(",")[:2]) for line in TRAP.read_text(encoding="utf-8").splitlines()[1:]]
USERS, ITEMS = ([pair[place] for pair in PAIRS] for place in (0, 1))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Everybody meets everything: five rows a user, so three train, one validates and one is tested."""
    folder = tmp_path_factory.mktemp("ids")
    rows = "".join(f"{user},{item},genre {number % 2}\n" for user in USERS for number, item in enumerate(ITEMS))
    (folder / "met.csv").write_text("user_id,item_id,genre\n" + rows, encoding="utf-8")
    arguments = ["convert", str(folder / "met.csv"), str(folder / "data"), "--column", "genre=genre"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    data = IndexedDataset.of(Dataset.load(folder / "data"))
    result = planted.run(planted.config(epochs=2), data, folder / "run")
    return load_release(make_release(result.checkpoint, data, folder / "releases", "first"))


@pytest.mark.parametrize("item_id", ITEMS)
def test_c24_similar_items_of_a_release_have_the_ids_of_the_file(release: Release, item_id: str) -> None:
    found = [item.item_id for item in People(release).similar(item_id, 10)]
    assert len(found) == len(ITEMS) - 1
    assert set(found) == set(ITEMS) - {item_id}


def test_c24_the_nearest_item_is_the_one_that_the_vectors_say(release: Release) -> None:
    """Worked out beside the product: the row of an id is its place in the vocabulary that the release holds."""
    people, names = People(release), release.checkpoint.vocabularies["items"]
    vectors = people.catalogue.items
    for item_id in ITEMS:
        row = names.row(item_id)
        away = {names.id(other): float((vectors[row] - vectors[other]).norm()) for other in range(5) if other != row}
        assert people.similar(item_id, 1)[0].item_id == min(away, key=away.__getitem__)
