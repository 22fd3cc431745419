"""OpenKE's layout: the row of the format table, and cases C35 and C36."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import ColumnOrder, MissingFile, TooManyBadRows

ReadAs = Callable[..., Any]


@pytest.fixture
def sample(tmp_path: Path, cases: Path) -> Path:
    return Path(shutil.copytree(cases / "openke", tmp_path / "openke"))


def test_the_sample_ends_as_four_entities_two_relations_and_four_and_one_triples(read: ReadAs, sample: Path) -> None:
    found = read("openke", sample)
    assert found.raw.declared["entities"]["entity_id"].to_list() == ["/m/0aaa", "/m/0bbb", "/m/0ccc", "San José (city)"]
    assert found.raw.declared["relations"]["relation_id"].to_list() == ["/location/contains", "/people/born_in"]
    assert found.raw.triples["split"].to_list() == ["train"] * 4 + ["test"]
    assert found.raw.warnings == []


def test_c35_the_columns_are_head_tail_relation(read: ReadAs, sample: Path) -> None:
    assert read("openke", sample).facts == [
        ("/m/0aaa", "/location/contains", "/m/0bbb"),
        ("/m/0ccc", "/people/born_in", "San José (city)"),
        ("/m/0aaa", "/location/contains", "San José (city)"),
        ("/m/0ccc", "/people/born_in", "/m/0bbb"),
        ("/m/0aaa", "/location/contains", "/m/0ccc"),
    ]


def test_c35_head_relation_tail_is_refused_as_a_wrong_column_order(read: ReadAs, sample: Path) -> None:
    # as h, r, t with tails 3 and 2, of which neither is one of the relations 0 and 1
    (sample / "train2id.txt").write_text("2\n0 0 3\n1 1 2\n")
    with pytest.raises(ColumnOrder, match=r"train2id.txt, line 2: .*one of the 2 relations .*column order\?"):
        read("openke", sample)


def test_c36_a_wrong_count_gaps_in_the_ids_and_an_unknown_id_are_each_named(read: ReadAs, cases: Path) -> None:
    found = read("openke", cases / "traps/openke_wrong_count", max_bad_share=0.5)
    assert found.raw.warnings == [
        "entity2id.txt, line 1: the count is 9, but 3 rows follow",
        "entity2id.txt: the ids are not 0 to 2 without a gap; they are numbered anew",
        "relation2id.txt: the ids are not 0 to 0 without a gap; they are numbered anew",
    ]
    assert found.facts == [("e0", "r", "e1")]
    assert found.drops("train2id.txt") == {"count": (1, (1,)), "unknown tail": (1, (3,))}


def test_c36_above_the_limit_the_unknown_id_is_named_with_its_line(read: ReadAs, cases: Path) -> None:
    with pytest.raises(TooManyBadRows, match=r"train2id.txt, line 3: expected tail to be listed in entity2id.txt"):
        read("openke", cases / "traps/openke_wrong_count")


def test_c36_the_count_may_be_missing(read: ReadAs, sample: Path) -> None:
    with_counts = read("openke", sample).facts
    for path in sample.iterdir():
        path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    found = read("openke", sample)
    assert found.facts == with_counts
    assert found.raw.warnings == []


def test_a_label_may_be_a_number(read: ReadAs, sample: Path) -> None:
    (sample / "entity2id.txt").write_text("4\n1998\t0\n7\t1\n2\t2\n3 4\t3\n")
    assert read("openke", sample).raw.declared["entities"]["entity_id"].to_list() == ["1998", "7", "2", "3 4"]


@pytest.mark.parametrize("name", ["entity2id.txt", "relation2id.txt", "train2id.txt"])
def test_a_missing_file_is_named(read: ReadAs, sample: Path, name: str) -> None:
    (sample / name).unlink()
    with pytest.raises(MissingFile, match=name):
        read("openke", sample)
