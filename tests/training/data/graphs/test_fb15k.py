"""Triples of texts: the rows of the format table, and cases C06, C09, C12, C35 and C39."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import ColumnOrder, MissingFile, TooManyBadRows
from training.data.importing import import_dataset
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source

ReadAs = Callable[..., Any]
Write = Callable[..., Path]


def test_the_sample_ends_as_four_train_and_two_test_triples(read: ReadAs, cases: Path) -> None:
    found = read("fb15k", cases / "fb15k237")
    assert found.raw.triples["split"].to_list() == ["train"] * 4 + ["test"] * 2
    assert found.facts[3] == ("/m/0ddd", "/film/performance/film./film/performance/actor", "/m/0ccc")
    assert found.raw.interactions.is_empty()
    assert found.raw.links.is_empty()


def test_c39_the_entity_that_only_the_test_file_has_is_read(read: ReadAs, cases: Path) -> None:
    facts = read("fb15k", cases / "fb15k237").facts
    trained = {end for head, _, tail in facts[:4] for end in (head, tail)}
    assert {end for head, _, tail in facts[4:] for end in (head, tail)} - trained == {"/m/0fff"}


def test_c06_a_lone_quote_swallows_no_line_and_stays_in_its_label(read: ReadAs, cases: Path) -> None:
    found = read("fb15k", cases / "traps/lone_quote.tsv")
    assert [head for head, _, _ in found.facts] == ['"Heroes" (album)', '"Odd Al', 'Bo 12"', "Ann"]
    assert found.file("lone_quote.tsv").rows_read == 4


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_c09_line_ends_of_every_kind_give_the_same_entities(read: ReadAs, write: Write, end: str) -> None:
    source = write({"train.txt": end.join(["a\tr\tb", "b\tr\tc", ""])})
    assert read("fb15k", source).facts == [("a", "r", "b"), ("b", "r", "c")]


def test_c12_rows_of_another_width_are_counted_with_their_lines_and_blank_lines_are_none(
    read: ReadAs, cases: Path
) -> None:
    found = read("fb15k", cases / "traps/bad_columns.tsv", max_bad_share=0.5)
    assert found.facts == [("a", "r", "b"), ("d", "r", "e")]
    assert found.drops("bad_columns.tsv") == {"wrong number of columns": (2, (2, 3))}


def test_c12_above_the_limit_the_first_such_row_is_named(read: ReadAs, cases: Path) -> None:
    with pytest.raises(TooManyBadRows, match=r"bad_columns.tsv, line 2: .*2 of 4 rows are malformed"):
        read("fb15k", cases / "traps/bad_columns.tsv")


def test_c35_head_tail_relation_read_as_head_relation_tail_is_refused(write: Write) -> None:
    # 40 heads, 40 different tails, 2 relations; in the wrong order there are 40 "relations" for 40 heads
    rows = [f"e{row}\te{row + 1}\tr{row % 2}" for row in range(40)]
    source = write({"train.txt": "\n".join(rows)})
    with pytest.raises(ColumnOrder, match=r"column order\?"):
        import_dataset(READERS["fb15k"], Source.of(source), name="t", seed=0, max_bad_share=0.0, options=ReadOptions())


def test_an_id_is_kept_letter_by_letter_but_for_outer_blanks(read: ReadAs, write: Write) -> None:
    source = write({"train.txt": " 0071 \tr\tNaN\nx\tr\t71\n1e3\tr\tnull\n"})
    assert read("fb15k", source).facts == [("0071", "r", "NaN"), ("x", "r", "71"), ("1e3", "r", "null")]


def test_an_empty_cell_is_refused(read: ReadAs, write: Write) -> None:
    source = write({"train.txt": "a\tr\tb\na\t\tb\n\tr\tb\na\tr\t\n"})
    found = read("fb15k", source, max_bad_share=1.0)
    assert found.drops("train.txt") == {"empty relation": (1, (2,)), "empty head": (1, (3,)), "empty tail": (1, (4,))}


def test_files_of_the_first_release_are_found_by_the_end_of_their_names(read: ReadAs, write: Write) -> None:
    source = write({f"freebase_mtr100_mte100-{split}.txt": f"{split}\tr\tb\n" for split in ("train", "valid", "test")})
    found = read("fb15k", source)
    assert [head for head, _, _ in found.facts] == found.raw.triples["split"].to_list() == ["train", "valid", "test"]


def test_a_folder_without_a_train_file_is_refused(read: ReadAs, write: Write) -> None:
    with pytest.raises(MissingFile, match=r"train\.txt"):
        read("fb15k", write({"test.txt": "a\tr\tb\n"}))
