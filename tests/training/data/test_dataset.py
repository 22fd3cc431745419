import json
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from training.data.content_hash import content_hash
from training.data.dataset import Dataset
from training.data.errors import InvalidDataset, TargetExists
from training.data.schema import TABLES

Build = Callable[[Mapping[str, pl.DataFrame]], Dataset]
CELLS = [(name, row, column) for name in TABLES for row in (0, -1) for column in TABLES[name].names()]


def changed(table: pl.DataFrame, row: int, column: str) -> pl.DataFrame:
    values = table[column].to_list()
    old = values[row]
    values[row] = f"{old}x" if table.schema[column] == pl.String else (old or 0) + 1
    return table.with_columns(pl.Series(column, values, dtype=table.schema[column]))


def test_a_saved_dataset_is_loaded_with_the_same_cells_and_manifest(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save(tmp_path / "out")
    loaded = Dataset.load(tmp_path / "out")
    assert loaded.manifest == dataset.manifest
    for name, table in dataset.tables.items():
        assert_frame_equal(loaded.tables[name], table)


def test_counts_are_those_of_the_tables_and_splits(dataset: Dataset) -> None:
    assert dataset.manifest.counts == {
        "users": 3, "items": 3, "entities": 3, "relations": 2, "links": 2, "interactions": 4, "triples": 3,
    }  # fmt: skip
    assert dataset.manifest.split_counts["interactions"] == {"train": 2, "valid": 1, "test": 1}
    assert dataset.manifest.split_counts["triples"] == {"train": 2, "valid": 0, "test": 1}


@pytest.mark.parametrize(("name", "row", "column"), CELLS)
def test_the_hash_changes_with_every_cell(tables: dict[str, pl.DataFrame], name: str, row: int, column: str) -> None:
    other = {**tables, name: changed(tables[name], row, column)}
    assert content_hash(other) != content_hash(tables)


def test_the_hash_tells_null_from_empty_and_from_zero(tables: dict[str, pl.DataFrame]) -> None:
    titles = tables["items"].with_columns(pl.col("title").fill_null(""))
    values = tables["interactions"].with_columns(pl.col("value").fill_null(0.0))
    hashes = {content_hash(t) for t in (tables, {**tables, "items": titles}, {**tables, "interactions": values})}
    assert len(hashes) == 3


def test_the_hash_tells_where_one_cell_ends_and_the_next_begins(tables: dict[str, pl.DataFrame]) -> None:
    def users(*ids: str) -> dict[str, pl.DataFrame]:
        return {**tables, "users": pl.DataFrame({"user_id": ids})}

    assert content_hash(users("ab", "c")) != content_hash(users("a", "bc"))


def test_the_hash_changes_with_the_order_of_rows(tables: dict[str, pl.DataFrame]) -> None:
    assert content_hash({**tables, "triples": tables["triples"].reverse()}) != content_hash(tables)


def test_the_hash_does_not_depend_on_how_parquet_was_written(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save(tmp_path / "out")
    table = dataset.interactions
    table.write_parquet(tmp_path / "out" / "interactions.parquet", compression="snappy", row_group_size=2)
    assert Dataset.load(tmp_path / "out").manifest.content_hash == dataset.manifest.content_hash


def test_the_hash_is_the_one_worked_out_from_the_reference(tables: dict[str, pl.DataFrame]) -> None:
    """Follow docs/reference/dataset-format.md by hand, byte by byte, without polars."""
    import hashlib
    import struct

    def text(value: str) -> bytes:
        return struct.pack("<q", len(value.encode())) + value.encode()

    stream = b""
    for name, schema in TABLES.items():
        stream += text(name) + struct.pack("<q", tables[name].height)
        for column, dtype in schema.items():
            cells = tables[name][column].to_list()
            stream += text(column) + text(str(dtype))
            if dtype == pl.String:
                stream += b"".join(struct.pack("<q", -1 if c is None else len(c.encode())) for c in cells)
                stream += b"".join((c or "").encode() for c in cells)
            else:
                stream += bytes(c is None for c in cells)
                stream += b"".join(struct.pack("<d" if dtype == pl.Float64 else "<q", c or 0) for c in cells)
    assert content_hash(tables) == hashlib.sha256(stream).hexdigest()


def test_a_changed_table_is_not_loaded(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save(tmp_path / "out")
    changed(dataset.items, 0, "title").write_parquet(tmp_path / "out" / "items.parquet")
    with pytest.raises(InvalidDataset, match="content_hash"):
        Dataset.load(tmp_path / "out")


@pytest.mark.parametrize("name", TABLES)
def test_a_cut_or_missing_table_is_named(dataset: Dataset, tmp_path: Path, name: str) -> None:
    dataset.save(tmp_path / "out")
    file = tmp_path / "out" / f"{name}.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InvalidDataset, match=f"{name}.parquet cannot be read"):
        Dataset.load(tmp_path / "out")
    file.unlink()
    with pytest.raises(InvalidDataset, match=f"{name}.parquet is missing"):
        Dataset.load(tmp_path / "out")


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (None, "no manifest.json"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "format_version is None"),
        (b'{"format_version": 2}', "format_version is 2"),
        (b'{"format_version": 1}', "field name"),
    ],
)
def test_a_bad_manifest_is_refused_with_its_fault(
    dataset: Dataset, tmp_path: Path, manifest: bytes | None, expected: str
) -> None:
    dataset.save(tmp_path / "out")
    file = tmp_path / "out" / "manifest.json"
    file.unlink()
    if manifest is not None:
        file.write_bytes(manifest)
    with pytest.raises(InvalidDataset, match=expected):
        Dataset.load(tmp_path / "out")


def test_a_place_that_does_not_exist_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"no manifest\.json"):
        Dataset.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "table", "expected"),
    [
        ("users", pl.DataFrame({"user_id": ["u1"]}), "interactions.user_id holds 'u2'"),
        ("users", pl.DataFrame({"user_id": ["u1", "u2", "u1"]}), "users holds the same user_id twice"),
        ("users", pl.DataFrame({"user_id": ["u1", "u2", None]}), "users.user_id has empty cells"),
        ("users", pl.DataFrame({"user_id": ["u1", "u2", ""]}), "users.user_id holds an empty text"),
        ("users", pl.DataFrame({"user_id": [1, 2]}), "users has the columns user_id Int64"),
        ("links", pl.DataFrame({"item_id": ["72"], "entity_id": ["e:x"]}), "links.entity_id holds 'e:x'"),
    ],
)
def test_tables_that_break_the_format_make_no_dataset(
    tables: dict[str, pl.DataFrame], build: Build, name: str, table: pl.DataFrame, expected: str
) -> None:
    with pytest.raises(InvalidDataset, match=expected):
        build({**tables, name: table})


@pytest.mark.parametrize(("column", "value"), [("split", "dev"), ("value", float("nan")), ("value", float("inf"))])
def test_a_foreign_split_or_a_value_that_is_not_finite_makes_no_dataset(
    tables: dict[str, pl.DataFrame], build: Build, column: str, value: object
) -> None:
    table = tables["interactions"].with_columns(pl.lit(value).alias(column))
    with pytest.raises(InvalidDataset, match=f"interactions.{column}"):
        build({**tables, "interactions": table})


def test_a_target_that_is_not_empty_is_kept_unless_it_may_be_overwritten(dataset: Dataset, tmp_path: Path) -> None:
    target = tmp_path / "out"
    dataset.save(target)
    (target / "rejected.parquet").write_text("old")
    with pytest.raises(TargetExists, match="--overwrite"):
        dataset.save(target)
    assert (target / "rejected.parquet").exists()
    dataset.save(target, overwrite=True)
    assert not (target / "rejected.parquet").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["notes.txt", "weights.safetensors", "reviews.parquet", "model/manifest.json"])
def test_what_somebody_else_put_beside_a_data_set_is_never_removed(dataset: Dataset, tmp_path: Path, name: str) -> None:
    dataset.save(tmp_path / "out")
    (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(TargetExists, match=f"holds {name.partition('/')[0]}, which is not ours to overwrite"):
        dataset.save(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_directory_that_is_no_dataset_is_never_overwritten(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    with pytest.raises(TargetExists, match="not ours"):
        dataset.save(tmp_path / "home", overwrite=True)
    with pytest.raises(TargetExists, match="not a directory"):
        dataset.save(tmp_path / "home" / "thesis.txt", overwrite=True)
    assert (tmp_path / "home" / "thesis.txt").read_text() == "years of work"


def test_a_save_that_breaks_off_leaves_what_was_there(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.save(tmp_path / "out")
    before = (tmp_path / "out" / "manifest.json").read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full_disk)
    for target in ("out", "new"):
        with pytest.raises(OSError, match="no space"):
            dataset.save(tmp_path / target, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before


def test_the_manifest_is_plain_json(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["format_version"] == 1
    assert manifest["created_at"].endswith("Z")
    assert manifest["content_hash"] == dataset.manifest.content_hash
