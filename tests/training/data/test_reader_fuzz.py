"""Whatever a file holds: a data set in which every row is accounted for, or one DatasetError. Nothing else."""

import csv
import io
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from training.data.dataset import Dataset
from training.data.errors import DatasetError
from training.data.importing import import_dataset
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.sheet import WHITE_SPACE

EXAMPLES = int(os.environ.get("KTUP_FUZZ_EXAMPLES", "60"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

TOY = Path(__file__).parents[2] / "cases/files/ktup/toy"
KTUP: Mapping[str, bytes] = {
    path.relative_to(TOY).as_posix(): path.read_bytes() for path in sorted(TOY.rglob("*")) if path.is_file()
}
TABLES: Mapping[str, bytes] = {
    "interactions.csv": b'user_id,item_id,value,timestamp\nu1,i1,5,100\nu1,"i,2",4.5,200\nu2,i1,,\nu2,i1,3,50\n',
    "triples.tsv": b"head\trelation\ttail\ne1\tr\te2\ne1\tr\te2\ne2\tr\te2\ne3\ts\te1\n",
    "links.csv": b"item_id,entity_id\ni1,e1\ni1,e2\ni9,e1\n",
    "items.csv": b'item_id,title\ni1,"Harbour, The"\n"i,2","He Said ""Run"""\ni3,\n',
    "relations.tsv": b"relation_id\tlabel\nr\tR\ns\t\n",
}
PIECES = [
    b"\t",
    b",",
    b'"',
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    "é\u2028".encode(),
    b"-1",
    b"0",
    b"9" * 30,
]
PIECES += [b" ", b"nan", b"i1", b"e1", b"1e999", b"u1,i1", b"0\t0\t0", b'"a\nb"']

edits = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 6), st.sampled_from(PIECES) | st.binary(max_size=4))


def damaged(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, length, piece in changes:
        place = int(where * (len(data) + 1))
        data = data[:place] + piece + data[place + length :]
    return data


def run(files: Mapping[str, bytes], source_format: str, max_bad_share: float, encoding: str | None) -> Dataset:
    with tempfile.TemporaryDirectory() as directory:
        for name, data in files.items():
            file = Path(directory) / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(data)
        reader, options = READERS[source_format], ReadOptions(encoding)
        return import_dataset(reader, Path(directory), name="f", seed=1, max_bad_share=max_bad_share, options=options)


def rows_in(data: bytes, name: str, *, header: bool) -> int | None:
    """Count rows without the code under test; None where quotes make a CSV file's rows a matter of repair."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = text.removeprefix("\ufeff")
    if name.endswith(".csv") and '"' in text:
        try:
            records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except csv.Error:
            return None
        return sum(bool(len(record) > 1 or "".join(record).strip(WHITE_SPACE)) for record in records) - int(header)
    separator = "," if name.endswith(".csv") else "\t"
    lines: list[str] = re.split(r"\r\n|\r|\n", text)
    return sum(line.strip(WHITE_SPACE) != "" or separator in line for line in lines) - int(header)


def check_books(dataset: Dataset, files: Mapping[str, bytes], *, header: bool) -> None:
    report = dataset.manifest.report
    assert report is not None
    kept = {file.name: file.rows_kept for file in report.files}
    for file in report.files:
        expected = rows_in(files[file.name], file.name, header=header)
        assert file.rows_read == file.rows_kept + sum(drop.rows for drop in file.dropped)
        assert expected is None or file.rows_read == expected
    names = {
        "interactions": ["train.dat", "valid.dat", "test.dat", "interactions.csv"],
        "triples": ["kg/train.dat", "kg/valid.dat", "kg/test.dat", "triples.tsv"],
        "links": ["i2kg_map.tsv", "links.csv"],
    }
    for table, sources in names.items():
        assert dataset.manifest.counts[table] == sum(kept.get(source, 0) for source in sources)


@pytest.mark.parametrize(("source_format", "sources"), [("ktup", KTUP), ("tables", TABLES)])
@fuzz
@given(data=st.data(), share=st.sampled_from([0.01, 0.5, 1.0]), encoding=st.sampled_from([None, "latin-1"]))
def test_damaged_files_give_whole_books_or_one_clear_error(
    source_format: str, sources: Mapping[str, bytes], data: st.DataObject, share: float, encoding: str | None
) -> None:
    victims = data.draw(st.dictionaries(st.sampled_from(sorted(sources)), st.lists(edits, max_size=4), max_size=2))
    files = {name: damaged(content, victims.get(name, [])) for name, content in sources.items()}
    try:
        dataset = run(files, source_format, share, encoding)
    except DatasetError as error:
        event(type(error).__name__)
        return
    event("a data set")
    check_books(dataset, files, header=source_format == "tables")


texts = (
    st.text(st.sampled_from(list('ab,"\t\r\n é中')), min_size=1, max_size=6)
    .map(lambda text: text.strip(WHITE_SPACE))
    .filter(bool)
)


@fuzz
@given(
    st.lists(
        st.tuples(texts, texts, st.none() | st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=8
    )
)
def test_what_a_csv_writer_wrote_is_read_back_cell_by_cell(rows: list[tuple[str, str, float | None]]) -> None:
    rows = list({(user, item): (user, item, value) for user, item, value in rows}.values())
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("user_id", "item_id", "value"), *rows])
    links = io.StringIO(newline="")
    csv.writer(links).writerows([("item_id", "entity_id"), (rows[0][1], "e1")])
    files = {"interactions.csv": out.getvalue().encode(), "links.csv": links.getvalue().encode()}
    dataset = run({"triples.tsv": TABLES["triples.tsv"], **files}, "tables", 0.0, None)
    assert sorted(dataset.interactions.select("user_id", "item_id").rows()) == sorted((u, i) for u, i, _ in rows)
    found = {(user, item): value for user, item, value in dataset.interactions[:, :3].iter_rows()}
    assert found == {(user, item): value for user, item, value in rows}


@fuzz
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from(["train", "valid", "test"])), max_size=30)
)
def test_no_pair_of_the_paper_s_layout_ever_stands_in_two_splits(rows: list[tuple[int, int, str]]) -> None:
    assume(any(split == "train" for _, _, split in rows))
    parts = {
        f"{split}.dat": "".join(f"{u}\t{i}\t1\n" for u, i, s in rows if s == split)
        for split in ("train", "valid", "test")
    }
    dataset = run({**KTUP, **{name: text.encode() for name, text in parts.items()}}, "ktup", 0.0, None)
    pairs = dataset.interactions.select("user_id", "item_id")
    assert pairs.height == pairs.unique().height == len({(u, i) for u, i, _ in rows})
    trained = dataset.interactions.filter(pl.col("split") == "train").height
    assert trained == len({(u, i) for u, i, split in rows if split == "train"})
