"""Cases C03, C07, C11 and C22 on tables of any name, and how columns are found."""

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from training.data.errors import BadOption, DatasetError, MalformedFile, MissingFile, TooManyBadRows

Read = Callable[..., Any]
Write = Callable[[Mapping[str, str | bytes]], Path]
IDS = ("user_id", "item_id")


def test_csv_tsv_and_json_lines_are_told_by_their_columns(cases: Path, read: Read) -> None:
    reading = read(cases / "table", "table")
    assert ("ann", "Night, The", "3.0") in reading.rows(*IDS, "value")
    assert ("cy", "0071", None) in reading.rows(*IDS, "value")  # of the Parquet file
    assert reading.raw.triples["relation"].to_list() == ["director", "director"]
    assert reading.raw.links["entity_id"].to_list() == ["e:blue_hill", "e:night"]
    assert "ratings.csv holds interactions: user_id, item_id, value from rating, timestamp" in reading.raw.warnings


def test_c03_a_byte_order_mark_is_no_part_of_the_first_column(cases: Path, read: Read) -> None:
    assert read(cases / "traps/bom.csv", "table").rows(*IDS, "value") == [("u1", "i1", "5.0"), ("u2", "i1", "4.0")]


def test_c22_c26_huge_negative_and_strange_ids_are_texts(cases: Path, read: Read) -> None:
    assert read(cases / "traps/sparse_ids.csv", "table").rows(*IDS)[1:] == [
        ("4000000000", "900719925474099301"),
        ("-3", "7"),
    ]
    assert read(cases / "traps/url_ids.csv", "table").rows(*IDS) == [
        ("a/b", "10% off"),
        ("c d", "what?"),
        ("中文", "#1"),
        ("x+y", ".."),
        ("%2F", "a%2Fb"),
    ]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("user_id,item_id", {}),
        ("userId,itemId", {}),
        ('"User-ID","ITEM ID"', {}),
        ("uid,iid", {}),
        ("reader,book", {"user_id": "reader", "item_id": "book"}),
        ("item,user", {"user_id": "item", "item_id": "user"}),  # said goes before what a name seems to say
    ],
)
def test_columns_are_found_by_name_or_as_said(write: Write, read: Read, header: str, columns: dict[str, str]) -> None:
    reading = read(write({"x.csv": f"{header}\na,b\n"}), "table", columns=columns)
    assert reading.rows(*IDS) == [("a", "b")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_of_a_csv_is_the_one_that_makes_sense_of_its_header(
    write: Write, read: Read, separator: str
) -> None:
    rows = [["user_id", "item_id", "rating"], ["u", '"a' + separator + 'b"', "1"]]
    source = write({"x.csv": "".join(separator.join(row) + "\n" for row in rows)})
    assert read(source, "table").rows(*IDS) == [("u", f"a{separator}b")]


def test_c11_a_file_without_a_header_is_read_by_numbers_and_loses_no_row(write: Write, read: Read) -> None:
    source = write({"x.csv": "5,u1,i1\n4,u2,i1\n"})
    columns = {"value": "1", "user_id": "2", "item_id": "3"}
    reading = read(source, "table", header=False, columns=columns)
    assert reading.rows(*IDS, "value") == [("u1", "i1", "5.0"), ("u2", "i1", "4.0")]
    assert reading.files["x.csv"].rows_read == 2


def test_a_glob_of_packed_files_is_read_as_one(write: Write, read: Read) -> None:
    packed = gzip.compress(b"user_id,item_id\nb,2\n")
    source = write({"p1.csv": "user_id,item_id\na,1\n", "p2.csv.gz": packed, "other.csv": "user_id,item_id\nc,3\n"})
    assert read(source / "p*", "table").rows(*IDS) == [("a", "1"), ("b", "2")]


def test_parquet_gives_what_csv_gives(tmp_path: Path, read: Read) -> None:
    times = pl.Series([0, 90_061_000]).cast(pl.Datetime("ms"))
    frame = {
        "user_id": [7, 8],
        "item_id": ["007", None],
        "rating": [4.5, None],
        "timestamp": times.dt.replace_time_zone("UTC"),
    }
    pl.DataFrame(frame).write_parquet(tmp_path / "x.parquet")
    reading = read(tmp_path, "table", max_bad_share=0.5)
    assert reading.rows(*IDS, "value", "timestamp", "_line") == [("7", "007", "4.5", "0", "1")]
    assert reading.drops("x.parquet") == {"empty item_id": (1, (2,))}
    frame["item_id"] = ["007", "8"]
    pl.DataFrame(frame).write_parquet(tmp_path / "x.parquet")
    assert read(tmp_path, "table").rows("timestamp") == [("0",), ("90061",)]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 50 + b"PAR1", b"user_id,item_id\n"])
def test_a_file_that_is_only_called_parquet_is_refused(write: Write, read: Read, content: bytes) -> None:
    with pytest.raises(DatasetError, match=r"x\.parquet"):
        read(write({"x.parquet": content}), "table")


def test_a_column_of_lists_becomes_facts_of_the_items(tmp_path: Path, read: Read) -> None:
    pl.DataFrame({"item_id": ["1", "2"], "genres": [["a", "b|c"], []]}).write_parquet(tmp_path / "items.parquet")
    (tmp_path / "x.csv").write_text("user_id,item_id,colour\nu,1,red|blue\nv,1,red\n")
    reading = read(tmp_path, "table", columns={"genre": "genres", "colour": "colour"})
    assert reading.facts() == {
        ("1", "genre", "genre:a"),
        ("1", "genre", "genre:b|c"),
        ("1", "colour", "colour:red"),
        ("1", "colour", "colour:blue"),
    }
    assert reading.titles() == {"1": None, "2": None}


def test_titles_labels_and_splits_are_read(write: Write, read: Read) -> None:
    source = write(
        {
            "a.csv": "user_id,item_id,split\nu,1,train\nu,2,test\n",
            "items.csv": "item_id,title\n1,One\n",
            "names.tsv": "entity_id\tlabel\ne\tE\n",
        }
    )
    reading = read(source, "table")
    assert reading.titles() == {"1": "One"}
    assert reading.rows("item_id", "split") == [("1", "train"), ("2", "test")]
    assert reading.raw.declared["entities"].rows() == [("e", "E")]


def test_a_file_of_no_known_columns_is_named_and_the_others_are_read(write: Write, read: Read) -> None:
    source = write({"a.csv": "user_id,item_id\nu,1\n", "b.csv": "colour,size\nred,3\n", "c.json": "{}"})
    reading = read(source, "table")
    assert set(reading.files) == {"a.csv"}
    assert any(warning.startswith("b.csv is not used: its columns (colour, size)") for warning in reading.raw.warnings)
    with pytest.raises(MalformedFile, match=r"b\.csv, line 1: expected columns such as user_id and item_id"):
        read(source / "b.csv", "table")


def test_a_column_that_no_file_has_is_refused(write: Write, read: Read) -> None:
    source = write({"a.csv": "user_id,item_id\nu,1\n"})
    with pytest.raises(BadOption, match=r"--column: user_id=reader: no file has a column 'reader'"):
        read(source, "table", columns={"user_id": "reader"})


def test_a_folder_without_tables_is_refused(write: Write, read: Read) -> None:
    with pytest.raises(MissingFile, match=r"\.csv, \.tsv"):
        read(write({"a.bin": b""}), "table")


def test_c12_rows_of_another_width_stop_the_import_with_their_line(cases: Path, write: Write, read: Read) -> None:
    trap = (cases / "traps/bad_columns.tsv").read_text()
    source = write({"x.tsv": f"head\trelation\ttail\n{trap}"})
    with pytest.raises(TooManyBadRows, match=r"x\.tsv, line 3"):
        read(source, "table")
    reading = read(source, "table", max_bad_share=0.5)
    assert reading.drops("x.tsv") == {"wrong number of columns": (2, (3, 4))}


def test_json_lines_of_several_pieces_keep_their_lines_and_their_keys(write: Write, read: Read) -> None:
    rows = 20_000  # some 700 kB, a dozen pieces
    objects: list[dict[str, object]] = [{"user_id": f"u{n}", "item_id": n % 7} for n in range(rows)]
    objects[15_500]["mood"] = 1
    objects[3]["rating"] = 4.5  # not in the first object
    lines = "".join(json.dumps(found, separators=(",", ":")) + "\n" for found in objects)
    reading = read(write({"x.jsonl": lines.replace('{"user_id":"u15000"', "broken")}), "table")
    found = reading.rows("user_id", "item_id", "_line")
    assert reading.values()[2:5] == [None, 4.5, None]
    assert "x.jsonl: keys of later objects are not used: mood" in reading.raw.warnings
    assert (len(found), found[0], found[-1]) == (rows - 1, ("u0", "0", "1"), ("u19999", "0", "20000"))
    assert reading.drops("x.jsonl") == {"not a JSON object": (1, (15_001,))}


def test_parquet_of_several_pieces_keeps_its_row_numbers(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.data.readers.interactions.shared.parquet_rows.PIECE", 3)
    pl.DataFrame({"user_id": list("abcdefg"), "item_id": ["1"] * 7}).write_parquet(tmp_path / "x.parquet")
    rows = read(tmp_path, "table").rows("user_id", "_line")
    assert rows == [(user, str(place)) for place, user in enumerate("abcdefg", start=1)]
