import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.training import planted
from training.data.content_hash import content_hash
from training.data.dataset import Dataset
from training.data.errors import InvalidDataset
from training.data.indexed import IndexedDataset
from training.data.shards import reading
from training.data.shards.reading import StoredTable, load_held


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The planted world on disk, its 420 interactions in no order of users, read by 100."""
    monkeypatch.setattr(reading, "PIECE_ROWS", 100)
    mixed = planted.tables()["interactions"].sample(fraction=1.0, shuffle=True, seed=0)
    planted.dataset({"interactions": mixed}).save(tmp_path / "data")
    return tmp_path / "data"


def test_what_is_read_for_shards_is_their_part_of_the_whole_data_set(stored: Path) -> None:
    whole = IndexedDataset.of(Dataset.load(stored))
    for held in (range(0, 2), range(2, 4), range(0, 4)):
        read, expected = load_held(stored, 4, held, check_hash=True), whole.of_shards(4, held)
        assert read.shards is not None
        assert expected.shards is not None
        assert read.shards.edges.tolist() == expected.shards.edges.tolist()
        for split, rows in expected.interactions.items():
            assert read.interactions[split].tolist() == rows.tolist()
        assert read.triples["train"].tolist() == whole.triples["train"].tolist()
        assert (read.content_hash, read.created_at, read.users.ids) == (
            whole.content_hash,
            whole.created_at,
            whole.users.ids,
        )


def test_each_of_four_holds_a_quarter_of_the_interactions(stored: Path) -> None:
    # 42 people with 10 interactions each, and one with none: 105 a shard, so that 11, 10, 11 and 10 people are nearest.
    held = [load_held(stored, 4, range(k, k + 1), check_hash=False).interactions for k in range(4)]
    assert [len(part["train"]) for part in held] == [77, 70, 77, 70]
    assert [len(part["valid"]) for part in held] == [11, 10, 11, 10]


def test_the_hash_of_a_table_that_stays_in_its_file_is_that_of_the_table(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.data.content_hash._CHUNK_ROWS", 100)
    dataset = Dataset.load(stored)
    assert content_hash({**dataset.tables, "interactions": StoredTable.of(stored, "interactions")}) == (
        dataset.manifest.content_hash
    )


def test_a_data_set_that_is_not_what_its_manifest_says_is_refused_by_who_checks(stored: Path) -> None:
    change(stored, lambda table: table.with_columns(pl.lit(1, pl.Int64).alias("timestamp")))
    load_held(stored, 2, range(1), check_hash=False)
    with pytest.raises(InvalidDataset, match="content_hash differs"):
        load_held(stored, 2, range(1), check_hash=True)
    manifest = json.loads((stored / "manifest.json").read_text("utf-8"))
    (stored / "manifest.json").write_text(json.dumps({**manifest, "format_version": 9}), "utf-8")
    with pytest.raises(InvalidDataset, match="format_version"):
        load_held(stored, 2, range(1), check_hash=True)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("user_id", "nobody", "interactions.user_id holds 'nobody', which users does not list"),
        ("item_id", "nothing", "interactions.item_id holds 'nothing', which items does not list"),
        ("user_id", None, "interactions.user_id has empty cells"),
        ("split", "later", "interactions.split holds something else than train, valid, test"),
    ],
)
def test_cells_that_break_the_format_are_named(stored: Path, column: str, value: str | None, message: str) -> None:
    first = pl.int_range(pl.len()) == 0
    change(stored, lambda t: t.with_columns(pl.when(first).then(pl.lit(value)).otherwise(column).alias(column)))
    with pytest.raises(InvalidDataset, match=message):
        load_held(stored, 2, range(2), check_hash=False)


def test_a_pair_that_stands_twice_is_refused_by_who_holds_it(stored: Path) -> None:
    change(
        stored, lambda t: pl.concat([t, t.filter(pl.col("user_id") == "u0").head(1).with_columns(split=pl.lit("test"))])
    )
    with pytest.raises(InvalidDataset, match="the same user_id, item_id twice"):
        load_held(stored, 2, range(1), check_hash=False)
    load_held(stored, 2, range(1, 2), check_hash=False)


def test_a_table_that_is_missing_cut_or_another_one_is_named(stored: Path) -> None:
    change(stored, lambda table: table.drop("timestamp"))
    with pytest.raises(InvalidDataset, match="interactions has the columns"):
        load_held(stored, 2, range(1), check_hash=False)
    file = stored / "interactions.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InvalidDataset, match=r"interactions\.parquet cannot be read"):
        load_held(stored, 2, range(1), check_hash=False)
    file.unlink()
    with pytest.raises(InvalidDataset, match=r"interactions\.parquet is missing"):
        load_held(stored, 2, range(1), check_hash=False)


def change(path: Path, by: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    file = path / "interactions.parquet"
    by(pl.read_parquet(file)).write_parquet(file)
