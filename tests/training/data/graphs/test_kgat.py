"""KGAT's layout: the row of the format table, and cases C11, C35, C37 and C47."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import ColumnOrder, MalformedFile, MissingFile
from training.data.importing import import_dataset
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source

ReadAs = Callable[..., Any]


@pytest.fixture
def sample(tmp_path: Path, cases: Path) -> Path:
    return Path(shutil.copytree(cases / "kgat", tmp_path / "kgat"))


def pairs(found: Any) -> list[tuple[str, str, str]]:
    return list(found.raw.interactions.select("user_id", "item_id", "split").rows())


def test_the_sample_ends_as_seven_distinct_interactions_of_three_users_and_four_triples(sample: Path) -> None:
    dataset = import_dataset(
        READERS["kgat"], Source.of(sample), name="t", seed=0, max_bad_share=0.0, options=ReadOptions()
    )
    train = dataset.interactions.filter(dataset.interactions["split"] == "train")
    assert (train.height, train["user_id"].n_unique()) == (7, 3)
    assert dataset.manifest.split_counts["interactions"] == {"train": 7, "valid": 0, "test": 3}
    assert dataset.triples.height == 4
    assert dataset.users["user_id"].to_list() == ["0", "1", "2", "3"]


def test_a_line_is_a_row_for_each_item_and_one_where_there_is_none(read: ReadAs, sample: Path) -> None:
    found = read("kgat", sample)
    assert pairs(found)[:5] == [
        ("0", "B000000001", "train"),
        ("0", "B000000002", "train"),
        ("0", "B000000003", "train"),
        ("1", "B000000003", "train"),
        ("1", "B000000004", "train"),
    ]
    assert pairs(found)[8:] == [("0", "B000000004", "test"), ("1", "B000000001", "test"), ("3", "B000000002", "test")]
    assert found.file("train.txt").rows_read == 3 + 2 + 1 + 3
    assert found.drops("train.txt") == {"user without items": (1, (3,))}


def test_entities_0_to_3_are_the_items(read: ReadAs, sample: Path) -> None:
    assert read("kgat", sample).raw.links.select("item_id", "entity_id").rows() == [
        ("B000000001", "m.0xx1"),
        ("B000000002", "m.0xx2"),
        ("B000000003", "m.0xx3"),
        ("B000000004", "m.0xx4"),
    ]


def test_c37_the_self_loop_with_an_unknown_relation_is_dropped_as_a_self_loop(read: ReadAs, sample: Path) -> None:
    found = read("kgat", sample)
    assert found.drops("kg_final.txt") == {"self-loop": (1, (5,))}
    assert found.facts[3] == ("m.0yy1", "http://rdf.freebase.com/ns/book.author.works", "m.0yy2")


def test_c35_head_tail_relation_is_refused_as_a_wrong_column_order(read: ReadAs, sample: Path) -> None:
    rows = [line.split() for line in (sample / "kg_final.txt").read_text().splitlines()]
    (sample / "kg_final.txt").write_text("".join(f"{h} {t} {r}\n" for h, r, t in rows))
    with pytest.raises(ColumnOrder, match=r"kg_final.txt, line 2: .*one of the 3 relations .*column order\?"):
        read("kgat", sample)


def test_c11_the_header_of_a_list_is_no_row_and_a_missing_one_is_named(read: ReadAs, sample: Path) -> None:
    assert read("kgat", sample).file("entity_list.txt").rows_read == 6
    path = sample / "entity_list.txt"
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(MalformedFile, match=r"entity_list.txt, line 1: expected a header org_id remap_id"):
        read("kgat", sample)


def test_without_lists_the_numbers_are_the_ids(read: ReadAs, sample: Path) -> None:
    for path in sample.glob("*_list.txt"):
        path.unlink()
    found = read("kgat", sample)
    assert pairs(found)[0] == ("0", "0", "train")
    assert found.facts == [("0", "0", "4"), ("1", "0", "4"), ("2", "1", "5"), ("4", "2", "5")]
    assert found.raw.links.select("item_id", "entity_id").rows() == [(i, i) for i in "0123"]
    assert found.raw.declared["users"]["user_id"].to_list() == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("train.txt", "4 9", "unknown item_id"),
        ("train.txt", "4 x", "item_id is not a dense id"),
        ("train.txt", "u 1", "user_id is not a dense id"),
        ("kg_final.txt", "0 1 99", "unknown tail"),
        ("kg_final.txt", "0 9 1", "unknown relation"),
        ("kg_final.txt", "0 1", "wrong number of columns"),
        ("item_list.txt", "B000000005 9 m.0zz", "unknown entity_id"),
        ("relation_list.txt", "alone", "wrong number of columns"),
    ],
)
def test_c12_a_row_that_is_not_like_this_is_counted(
    read: ReadAs, sample: Path, name: str, row: str, reason: str
) -> None:
    path = sample / name
    path.write_text(f"{path.read_text().rstrip()}\n{row}\n")
    assert read("kgat", sample, max_bad_share=0.5).drops(name)[reason][0] == 1


def test_an_original_id_may_hold_blanks(read: ReadAs, sample: Path) -> None:
    (sample / "relation_list.txt").write_text("org_id remap_id\nhas a genre 0\nwritten by 1\nworks 2\n")
    assert read("kgat", sample).facts[0][1] == "has a genre"


def test_items_whose_topic_is_not_the_entity_of_their_number_are_told(read: ReadAs, sample: Path) -> None:
    path = sample / "item_list.txt"
    path.write_text(path.read_text().replace("m.0xx2", "m.0other"))
    warnings = read("kgat", sample).raw.warnings
    assert warnings == [
        "item_list.txt: 1 items have another freebase_id than the entity of their number (line 3 first)"
    ]


@pytest.mark.parametrize("name", ["train.txt", "kg_final.txt"])
def test_a_missing_file_is_named(read: ReadAs, sample: Path, name: str) -> None:
    (sample / name).unlink()
    with pytest.raises(MissingFile, match=name):
        read("kgat", sample)
