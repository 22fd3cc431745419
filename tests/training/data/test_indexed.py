from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.data.keys import rows_of


def test_rows_are_numbered_in_the_order_of_the_tables(dataset: Dataset) -> None:
    indexed = IndexedDataset.of(dataset)
    assert indexed.users.ids == ("u2", "u1", "u-without-a-row")
    assert indexed.items.ids == ("0071", "71", "72")
    assert indexed.entities.ids == ("e:hill", "e:drama", "e:ann")
    assert indexed.relations.ids == ("genre", "director")
    assert indexed.content_hash == dataset.manifest.content_hash


def test_interactions_are_user_and_item_rows_by_split(dataset: Dataset) -> None:
    interactions = IndexedDataset.of(dataset).interactions
    assert interactions["train"].tolist() == [[1, 1], [0, 0]]
    assert interactions["valid"].tolist() == [[0, 2]]
    assert interactions["test"].tolist() == [[1, 2]]


def test_triples_are_head_relation_tail_rows_by_split(dataset: Dataset) -> None:
    triples = IndexedDataset.of(dataset).triples
    assert triples["train"].tolist() == [[0, 0, 1], [2, 0, 1]]
    assert triples["test"].tolist() == [[0, 1, 2]]
    assert triples["valid"].shape == (0, 3)


def test_two_items_share_an_entity_and_an_item_without_one_has_minus_one(dataset: Dataset) -> None:
    assert IndexedDataset.of(dataset).alignment.tolist() == [0, -1, 0]


def test_everything_is_int64_even_where_a_table_is_empty(dataset: Dataset) -> None:
    bare = replace(dataset, triples=dataset.triples.clear(), links=dataset.links.clear())
    indexed = IndexedDataset.of(bare)
    arrays = [*indexed.interactions.values(), *indexed.triples.values(), indexed.alignment]
    assert all(array.dtype == np.int64 for array in arrays)
    assert indexed.triples["train"].shape == (0, 3)
    assert indexed.alignment.tolist() == [-1, -1, -1]


def test_every_id_is_found_again_behind_its_row(dataset: Dataset) -> None:
    indexed = IndexedDataset.of(dataset)
    for split, rows in indexed.interactions.items():
        source = dataset.interactions.filter(pl.col("split") == split).select("user_id", "item_id").rows()
        assert [(indexed.users.id(u), indexed.items.id(i)) for u, i in rows.tolist()] == source


def test_a_checkpoint_is_told_when_its_data_was_written(dataset: Dataset) -> None:
    described = IndexedDataset.of(dataset).described
    assert described["content_hash"] == dataset.manifest.content_hash
    assert datetime.fromisoformat(described["created_at"]) == dataset.manifest.created_at


def test_ids_are_found_where_no_other_column_keeps_the_codes_of_texts() -> None:
    assert rows_of(pl.Series(["z", "y"]), pl.Series(["x", "y"])).tolist() == [-1, 1]
