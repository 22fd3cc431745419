"""Cases C12, C20, C22, C23, C35, C38, C45, C46 and C47 on the paper's own layout."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.data.dataset import Dataset
from training.data.errors import ColumnOrder, MalformedFile, MissingFile, NoAlignment, TooManyBadRows
from training.data.report import FileReport, Overlap

Convert = Callable[..., Dataset]
IRI = "http://kg.example/resource/"


def file(dataset: Dataset, name: str) -> FileReport:
    assert dataset.manifest.report is not None
    return next(report for report in dataset.manifest.report.files if report.name == name)


def drops(report: FileReport) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {drop.reason: (drop.rows, drop.first_lines) for drop in report.dropped}


def append(path: Path, text: str) -> None:
    path.write_bytes(path.read_bytes() + text.encode())


def test_the_toy_is_read_with_its_original_ids(toy: Path, convert: Convert) -> None:
    dataset = convert(toy, "ktup")
    assert dataset.users["user_id"].to_list() == ["501", "502", "503"]
    assert dataset.items.rows() == [
        ("71", "Blue Hill (1990)"),
        ("72", "Night, The (1991)"),
        ("73", "Blue Hill (1990) recut"),
        ("74", None),
    ]
    assert dataset.interactions.rows()[:3] == [
        ("501", "71", 5.0, None, "train"),
        ("501", "72", 4.0, None, "train"),
        ("502", "71", 3.0, None, "train"),
    ]
    assert dataset.manifest.split_counts["interactions"] == {"train": 6, "valid": 2, "test": 2}
    assert (dataset.manifest.counts["entities"], dataset.manifest.counts["relations"]) == (6, 2)


def test_c35_the_columns_are_head_tail_relation(toy: Path, convert: Convert) -> None:
    first = convert(toy, "ktup").triples.row(0)
    assert first == (f"{IRI}Blue_Hill", "http://kg.example/ontology/genre", f"{IRI}Drama", "train")


def test_c35_head_relation_tail_is_refused_as_a_wrong_column_order(toy: Path, convert: Convert) -> None:
    for split in ("train", "valid", "test"):
        path = toy / "kg" / f"{split}.dat"
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        path.write_text("".join(f"{h}\t{r}\t{t}\n" for h, t, r in rows))
    with pytest.raises(ColumnOrder, match=r"kg/train.dat, line 1: .*column order\?"):
        convert(toy, "ktup")


def test_c38_a_triple_of_train_and_test_stays_in_train_and_is_counted(toy: Path, convert: Convert) -> None:
    dataset = convert(toy, "ktup")
    assert dataset.manifest.split_counts["triples"] == {"train": 5, "valid": 1, "test": 1}
    assert drops(file(dataset, "kg/test.dat")) == {"already in train": (1, (2,))}
    assert dataset.manifest.report is not None
    overlap = Overlap(table="triples", kept_in="train", removed_from="test", rows=1)
    assert dataset.manifest.report.overlaps == (overlap,)


def test_c38_a_pair_of_every_split_stays_in_train_alone(toy: Path, convert: Convert) -> None:
    append(toy / "valid.dat", "0\t0\t1\n")
    append(toy / "test.dat", "0\t0\t1\n0\t2\t4\n")
    dataset = convert(toy, "ktup")
    assert dataset.manifest.split_counts["interactions"] == {"train": 6, "valid": 2, "test": 2}
    assert drops(file(dataset, "test.dat")) == {"already in train": (1, (3,)), "already in valid": (1, (4,))}


def test_c37_c38_self_loops_and_repeats_within_a_split_are_dropped_and_counted(toy: Path, convert: Convert) -> None:
    append(toy / "kg/train.dat", "0\t3\t0\n4\t4\t1\n")
    dataset = convert(toy, "ktup")
    assert dataset.manifest.split_counts["triples"]["train"] == 5
    assert drops(file(dataset, "kg/train.dat")) == {"self-loop": (1, (7,)), "repeated triple": (1, (6,))}


def test_c20_c45_c46_three_of_four_items_are_aligned_and_the_unknown_item_is_counted(
    toy: Path, convert: Convert
) -> None:
    dataset = convert(toy, "ktup")
    assert dataset.links["item_id"].to_list() == ["71", "72", "73"]
    assert drops(file(dataset, "i2kg_map.tsv")) == {"unknown item": (1, (4,))}
    assert f"{IRI}Never_Rated" in dataset.entities["entity_id"]
    assert "74" in dataset.items["item_id"]
    assert dataset.manifest.report is not None
    alignment = dataset.manifest.report.alignment
    assert (alignment.aligned_items, alignment.items, alignment.linked_entities) == (3, 4, 2)
    # of the 10 interactions 3 are with item 74, which has no entity
    assert (alignment.interactions_on_aligned_items, alignment.interactions) == (7, 10)


def test_c20_no_aligned_item_at_all_is_an_error(toy: Path, convert: Convert) -> None:
    text = (toy / "i2kg_map.tsv").read_text()
    (toy / "i2kg_map.tsv").write_text(text.replace("http://kg.example", "http://other.example"))
    with pytest.raises(NoAlignment, match="0 of 4 items are aligned: none of the 4 link rows"):
        convert(toy, "ktup")


def test_c47_two_items_share_an_entity_and_a_second_entity_of_an_item_is_counted(toy: Path, convert: Convert) -> None:
    append(toy / "i2kg_map.tsv", f"72\tAgain\t{IRI}Never_Rated\n72\tAgain\t{IRI}The_Night_(film)\n")
    dataset = convert(toy, "ktup")
    assert dataset.links.rows() == [
        ("71", f"{IRI}Blue_Hill"),
        ("72", f"{IRI}The_Night_(film)"),
        ("73", f"{IRI}Blue_Hill"),
    ]
    assert drops(file(dataset, "i2kg_map.tsv")) == {
        "unknown item": (1, (4,)),
        "another entity for the item, the first is kept": (1, (5,)),
        "repeated link": (1, (6,)),
    }
    assert dataset.manifest.report is not None
    assert dataset.manifest.report.alignment.items_sharing_an_entity == 2


def test_an_item_whose_entity_is_unknown_or_not_named_keeps_its_title(toy: Path, convert: Convert) -> None:
    append(toy / "i2kg_map.tsv", "74\tLost Film\thttp://kg.example/resource/Nowhere\n74\tLater title\t\n")
    dataset = convert(toy, "ktup")
    assert dataset.items.row(3) == ("74", "Lost Film")
    assert drops(file(dataset, "i2kg_map.tsv")) == {
        "no entity named": (1, (6,)),
        "unknown item": (1, (4,)),
        "unknown entity": (1, (5,)),
    }


def test_c23_ids_that_no_row_of_train_holds_are_in_the_vocabularies(toy: Path, convert: Convert) -> None:
    append(toy / "u_map.dat", "3\t504\n")
    append(toy / "i_map.dat", "4\t75\n")
    append(toy / "test.dat", "2\t4\t1\n")
    append(toy / "kg/e_map.dat", f"6\t{IRI}New\n")
    append(toy / "kg/valid.dat", "6\t3\t0\n")
    dataset = convert(toy, "ktup")
    assert dataset.users["user_id"][-1] == "504"
    assert dataset.items["item_id"][-1] == "75"
    assert dataset.entities["entity_id"][-1] == f"{IRI}New"
    assert dataset.manifest.report is not None
    warnings = dataset.manifest.report.warnings
    assert "1 items occur in valid or test only; they are kept, but training never sees them" in warnings
    assert "1 entities occur in valid or test only; they are kept, but training never sees them" in warnings


def test_c22_original_ids_may_be_negative_huge_or_no_number(toy: Path, convert: Convert) -> None:
    (toy / "u_map.dat").write_text("0\t-3\n1\t900719925474099301000\n2\t 0007 \n")
    assert convert(toy, "ktup").users["user_id"].to_list() == ["-3", "900719925474099301000", "0007"]


BAD_ROWS = [
    ("train.dat", "0\t1", "wrong number of columns", "3 columns separated by tabs (user, item, rating)"),
    ("train.dat", "0\t1\t5\t9", "wrong number of columns", "3 columns separated by tabs (user, item, rating)"),
    ("train.dat", "0\tx\t5", "item is not a dense id", "a whole number from 0 as item"),
    ("train.dat", "-1\t1\t5", "user is not a dense id", "a whole number from 0 as user"),
    ("train.dat", "9\t1\t5", "unknown user", "user to be listed in u_map.dat"),
    ("test.dat", "0\t99999999999\t5", "unknown item", "item to be listed in i_map.dat"),
    ("train.dat", "0\t1\tgood", "rating is not a number", "a number as rating"),
    ("train.dat", "0\t1\tnan", "rating is not a number", "a number as rating"),
    ("train.dat", "0\t1\t5\0", "NUL character", "text without NUL characters"),
    ("kg/train.dat", "0\t3\t2", "unknown relation", "relation to be listed in kg/r_map.dat"),
    ("kg/valid.dat", "6\t3\t1", "unknown head", "head to be listed in kg/e_map.dat"),
    ("kg/test.dat", "0\t6\t1", "unknown tail", "tail to be listed in kg/e_map.dat"),
    ("u_map.dat", "3\t501", "original id again", "each original id once"),
    ("i_map.dat", "3\t75", "dense id again", "each dense id once"),
    ("i_map.dat", "4\t", "empty original id", "original id not to be empty"),
    ("i2kg_map.tsv", "\tTitle\tx", "empty item_id", "item_id not to be empty"),
]


@pytest.mark.parametrize(("name", "row", "reason", "expected"), BAD_ROWS)
def test_c12_a_malformed_row_is_dropped_and_counted_below_the_limit(
    toy: Path, convert: Convert, name: str, row: str, reason: str, expected: str
) -> None:
    rows = len((toy / name).read_text().splitlines())
    append(toy / name, row)  # and its line end is missing
    report = file(convert(toy, "ktup", max_bad_share=0.5), name)
    assert drops(report)[reason] == (1, (rows + 1,))
    assert report.rows_read == rows + 1


@pytest.mark.parametrize(("name", "row", "reason", "expected"), BAD_ROWS)
def test_c12_above_the_limit_file_line_and_expectation_are_named(
    toy: Path, convert: Convert, name: str, row: str, reason: str, expected: str
) -> None:
    rows = len((toy / name).read_text().splitlines())
    append(toy / name, row)
    with pytest.raises(TooManyBadRows) as caught:
        convert(toy, "ktup")
    error: MalformedFile = caught.value
    assert (error.path, error.line, error.expected, error.found) == (toy / name, rows + 1, expected, repr(row))
    assert f"1 of {rows + 1} rows are malformed" in str(error)


@pytest.mark.parametrize("name", ["u_map.dat", "valid.dat", "i2kg_map.tsv", "kg/r_map.dat", "kg/test.dat"])
def test_a_missing_file_is_named(toy: Path, convert: Convert, name: str) -> None:
    (toy / name).unlink()
    with pytest.raises(MissingFile, match=name):
        convert(toy, "ktup")


def test_repeated_rows_of_a_map_are_dropped_without_harm(toy: Path, convert: Convert) -> None:
    append(toy / "i_map.dat", "0\t71\n")
    dataset = convert(toy, "ktup")
    assert dataset.manifest.counts["items"] == 4
    assert drops(file(dataset, "i_map.dat")) == {"repeated row": (1, (5,))}


def test_empty_valid_and_test_files_are_fine_but_an_empty_train_file_is_not(toy: Path, convert: Convert) -> None:
    for name in ("valid.dat", "test.dat", "kg/valid.dat", "kg/test.dat"):
        (toy / name).write_bytes(b"")
    assert convert(toy, "ktup").manifest.split_counts["triples"] == {"train": 5, "valid": 0, "test": 0}
    (toy / "train.dat").write_bytes(b"")
    with pytest.raises(Exception, match="the table interactions would be empty"):
        convert(toy, "ktup")
