"""Cases C08, C18, C45 and C46, and the table of formats, up to the data set that `convert` makes of the samples."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from training.data.dataset import Dataset

Convert = Callable[..., Dataset]
SAMPLES = {
    "movielens-100k": "ml100k",
    "movielens-1m": "ml1m",
    "movielens-latest": "ml_latest",
    "book-crossing": "book_crossing",
    "hetrec-lastfm": "hetrec_lastfm",
    "recbole": "recbole/toy",
    "gorse": "gorse",
    "recombee": "recombee",
    "table": "table",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_alone_is_a_data_set_with_people_items_and_a_graph_that_ties_them(
    cases: Path, convert: Convert, name: str
) -> None:
    dataset = convert(cases / SAMPLES[name], name, max_bad_share=0.4)
    counts = dataset.manifest.counts
    assert min(counts[table] for table in ("users", "items", "interactions", "triples", "links")) > 0
    report = dataset.manifest.report
    assert report is not None
    assert all(file.rows_read == file.rows_kept + sum(drop.rows for drop in file.dropped) for file in report.files)


def test_movielens_alone_ties_each_described_film_to_its_genres_and_its_year(cases: Path, convert: Convert) -> None:
    dataset = convert(cases / "ml_latest", "movielens-latest")
    # 3 films: 1 + 2 + 0 genres, a year and a decade each
    assert dataset.manifest.counts["triples"] == 3 + 3 * 2
    assert sorted(dataset.links.rows()) == [("10", "item:10"), ("20", "item:20"), ("30", "item:30")]
    labels = dict(dataset.entities.iter_rows())
    assert labels["genre:Thriller"] == "Thriller"
    assert labels["item:20"] == 'He Said "Run" (2001)'


def test_the_recbole_toy_has_the_counts_of_the_table_of_formats(cases: Path, convert: Convert) -> None:
    counts = convert(cases / "recbole/toy", "recbole").manifest.counts
    expected = {"interactions": 7, "users": 4, "items": 4, "triples": 6, "entities": 7, "relations": 3, "links": 3}
    assert {table: counts[table] for table in expected} == expected


def test_c45_the_link_of_an_unknown_item_is_dropped_and_counted_and_its_entity_stays(
    cases: Path, convert: Convert
) -> None:
    dataset = convert(cases / "recbole/toy", "recbole")
    assert dataset.manifest.report is not None
    links = next(file for file in dataset.manifest.report.files if file.name == "toy.link")
    assert [(drop.reason, drop.rows, drop.first_lines) for drop in links.dropped] == [("unknown item", 1, (5,))]
    assert "m.0aa9" in dataset.entities["entity_id"].to_list()


def test_c46_an_item_without_an_entity_is_kept_and_counted_as_not_aligned(cases: Path, convert: Convert) -> None:
    dataset = convert(cases / "recbole/toy", "recbole")
    assert dataset.manifest.report is not None
    assert "14" in dataset.items["item_id"].to_list()
    alignment = dataset.manifest.report.alignment
    assert (alignment.items, alignment.aligned_items, alignment.items_sharing_an_entity) == (4, 3, 2)


def test_c08_zeros_of_book_crossing_are_interactions_without_a_grade(cases: Path, convert: Convert) -> None:
    interactions = convert(cases / "book_crossing", "book-crossing", max_bad_share=0.34).interactions
    assert interactions.height == 6
    assert interactions["value"].null_count() == 2
    assert not (interactions["value"] == 0).any()


def test_c18_ratings_stay_floats(cases: Path, convert: Convert) -> None:
    interactions = convert(cases / "ml_latest", "movielens-latest").interactions
    assert sorted(interactions["value"].to_list()) == [0.5, 3.5, 4.0, 4.5, 5.0]
    assert interactions.schema["value"] == pl.Float64
