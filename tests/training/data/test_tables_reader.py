"""Cases C03, C06, C07, C09, C12, C19, C22, C23, C35, C37, C45, C46, C52 and C53 on plain tables."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from training.data.dataset import Dataset
from training.data.errors import BadOption, ColumnOrder, EmptyTable, MalformedFile, MissingFile, TooManyBadRows
from training.data.importing import import_dataset
from training.data.readers import READERS
from training.data.readers.base import ReadOptions, TimeUnit
from training.data.report import FileReport

Convert = Callable[..., Dataset]
Write = Callable[..., Path]
Graph = dict[str, str]
INTERACTIONS = "user_id,item_id\nu1,i1\nu1,i2\n"


def file(dataset: Dataset, name: str) -> FileReport:
    assert dataset.manifest.report is not None
    return next(report for report in dataset.manifest.report.files if report.name == name)


def drops(report: FileReport) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {drop.reason: (drop.rows, drop.first_lines) for drop in report.dropped}


@pytest.fixture
def source(write: Write, graph: Graph, cases: Path) -> Callable[[str], Path]:
    """Give a source whose interactions are a case file."""

    def source(case: str) -> Path:
        directory = write(graph)
        shutil.copy(cases / case, directory / "interactions.csv")
        return directory

    return source


def test_c03_a_byte_order_mark_does_not_hide_the_first_column(source: Callable[[str], Path], convert: Convert) -> None:
    dataset = convert(source("traps/bom.csv"), "tables")
    assert dataset.interactions.select("user_id", "item_id", "value").rows() == [("u1", "i1", 5.0), ("u2", "i1", 4.0)]


def test_c06_tsv_labels_keep_their_lone_quotes(write: Write, graph: Graph, convert: Convert) -> None:
    graph["entities.tsv"] = 'entity_id\tlabel\ne1\t"Odd Al\ne2\tBo 12"\n'
    dataset = convert(write({**graph, "interactions.csv": INTERACTIONS}), "tables")
    assert dataset.entities.rows() == [("e1", '"Odd Al'), ("e2", 'Bo 12"')]


def test_c07_csv_titles_keep_commas_quotes_and_line_ends(write: Write, graph: Graph, convert: Convert) -> None:
    graph["items.csv"] = 'item_id,title\r\ni1,"Harbour, The"\r\ni2,"He Said ""Run""\nNow"\r\n'
    dataset = convert(write({**graph, "interactions.csv": INTERACTIONS}), "tables")
    assert dataset.items["title"].to_list() == ["Harbour, The", 'He Said "Run"\nNow']


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_c09_line_ends_do_not_change_the_content_hash(write: Write, graph: Graph, convert: Convert, end: str) -> None:
    files = {**graph, "interactions.csv": INTERACTIONS}
    expected = convert(write(files), "tables").manifest.content_hash
    changed = {name: text.removesuffix("\n").replace("\n", end).encode() for name, text in files.items()}
    assert convert(write(changed), "tables").manifest.content_hash == expected


def test_c12_rows_of_another_width_are_counted_and_stop_the_import_above_the_limit(
    write: Write, graph: Graph, cases: Path, convert: Convert
) -> None:
    trap = (cases / "traps/bad_columns.tsv").read_text()
    del graph["triples.csv"]
    links = "item_id,entity_id\ni1,a\n"
    files = {"triples.tsv": "head\trelation\ttail\n" + trap, "links.csv": links, "interactions.csv": INTERACTIONS}
    report = file(convert(write(files), "tables", max_bad_share=0.5), "triples.tsv")
    assert (report.rows_read, report.rows_kept, report.blank_lines) == (4, 2, 2)
    assert drops(report) == {"wrong number of columns": (2, (3, 4))}
    with pytest.raises(TooManyBadRows, match=r"triples\.tsv, line 3: expected 3 columns .*found 'b\\tr'"):
        convert(write(files), "tables")


def test_c19_ids_keep_leading_zeros_and_trailing_letters(write: Write, cases: Path, convert: Convert) -> None:
    links = (cases / "kgcn_ripplenet/item_index2entity_id.txt").read_text()
    first = links.split()[1]
    ratings = (cases / "book_crossing/BX-Book-Ratings.csv").read_text().replace(";", ",")
    ratings = ratings.replace('"User-ID","ISBN","Book-Rating"', "user_id,item_id,rating")
    triples = f"head\trelation\ttail\n{first}\tgenre\ts-10\n"
    source = write({"interactions.csv": ratings, "links.tsv": f"item_id\tentity_id\n{links}", "triples.tsv": triples})
    dataset = convert(source, "tables")
    assert dataset.items["item_id"].to_list() == ["0009990018", "034500000X", "9990018", "0345000013", "034500000x"]
    assert dataset.links.rows() == [("0009990018", first)]


def test_c22_huge_and_negative_ids_are_names_like_any_other(
    source: Callable[[str], Path], graph: Graph, convert: Convert
) -> None:
    directory = source("traps/sparse_ids.csv")
    (directory / "links.csv").write_text("item_id,entity_id\n900719925474099301,e1\n")
    dataset = convert(directory, "tables")
    assert dataset.users["user_id"].to_list() == ["4000000000", "-3"]
    assert dataset.items["item_id"].to_list() == ["7", "900719925474099301"]


def test_c23_ids_of_every_split_and_of_the_declared_lists_are_known(write: Write, convert: Convert) -> None:
    source = write(
        {
            "interactions.csv": "user_id,item_id,split\nu1,i1,train\nu2,i2,test\n",
            "triples.csv": "head,relation,tail,split\ne1,r,e2,train\ne3,r,e2,valid\n",
            "links.csv": "item_id,entity_id\ni1,e1\n",
            "users.csv": "user_id\nu0\n",
            "items.csv": "item_id,title\ni0,Zero\ni1,One\n",
            "entities.csv": "entity_id,label\ne9,\n",
        }
    )
    dataset = convert(source, "tables")
    assert dataset.users["user_id"].to_list() == ["u0", "u1", "u2"]
    assert dataset.items.rows() == [("i0", "Zero"), ("i1", "One"), ("i2", None)]
    assert dataset.entities.rows() == [("e9", None), ("e1", None), ("e3", None), ("e2", None)]
    assert dataset.manifest.split["interactions"].method == "given"


def test_c35_triples_with_as_many_relations_as_tails_are_refused(write: Write, graph: Graph, convert: Convert) -> None:
    triples = "head,relation,tail\n" + "".join(f"e{n % 9},t{n},genre\n" for n in range(20))
    files = {**graph, "triples.csv": triples, "interactions.csv": INTERACTIONS}
    with pytest.raises(ColumnOrder, match=r"triples\.csv, line 2: .*9 heads, 20 relations, 1 tails.*column order\?"):
        convert(write(files), "tables")
    relations = "relation_id\n" + "".join(f"t{n}\n" for n in range(20))
    assert convert(write({**files, "relations.csv": relations}), "tables").manifest.counts["relations"] == 20


def test_c35_a_relation_that_the_relations_file_does_not_list_is_malformed(
    write: Write, graph: Graph, convert: Convert
) -> None:
    source = write({**graph, "relations.csv": "relation_id,label\nq,\n", "interactions.csv": INTERACTIONS})
    with pytest.raises(TooManyBadRows, match="a relation that the relations file lists"):
        convert(source, "tables")


def test_c37_a_self_loop_and_a_repeat_leave_three_of_five_triples(write: Write, cases: Path, convert: Convert) -> None:
    links = (cases / "kgcn_ripplenet/item_index2entity_id.txt").read_text()
    triples = (cases / "kgcn_ripplenet/kg.txt").read_text()
    source = write(
        {
            "interactions.csv": "user_id,item_id\n" + "".join(f"u,{line.split()[0]}\n" for line in links.splitlines()),
            "triples.tsv": f"head\trelation\ttail\n{triples}",
            "links.tsv": f"item_id\tentity_id\n{links}",
        }
    )
    dataset = convert(source, "tables")
    assert dataset.triples.height == 3
    assert drops(file(dataset, "triples.tsv")) == {"self-loop": (1, (5,)), "repeated triple": (1, (6,))}
    assert dataset.links.height == 3


def test_c45_c46_the_recbole_toy_links_three_of_four_items(write: Write, cases: Path, convert: Convert) -> None:
    headers = {
        "inter": "user_id\titem_id\trating\ttimestamp",
        "kg": "head\trelation\ttail",
        "link": "item_id\tentity_id",
    }

    def plain(kind: str) -> str:
        _, rows = (cases / f"recbole/toy/toy.{kind}").read_text().split("\n", 1)
        return f"{headers[kind]}\n{rows}"

    source = write({"interactions.tsv": plain("inter"), "triples.tsv": plain("kg"), "links.tsv": plain("link")})
    dataset = convert(source, "tables")
    assert (dataset.interactions.height, dataset.manifest.counts["users"], dataset.manifest.counts["items"]) == (
        7,
        4,
        4,
    )
    assert (dataset.triples.height, dataset.manifest.counts["entities"]) == (6, 7)
    assert dataset.links["item_id"].to_list() == ["11", "12", "13"]
    assert drops(file(dataset, "links.tsv")) == {"unknown item": (1, (5,))}
    assert "m.0aa9" in dataset.entities["entity_id"]


def test_c52_the_latest_row_of_a_pair_is_kept_and_stands_in_one_split(
    source: Callable[[str], Path], convert: Convert
) -> None:
    dataset = convert(source("traps/duplicates.csv"), "tables")
    pairs = dataset.interactions.select("user_id", "item_id", "value", "timestamp").sort("user_id", "item_id").rows()
    assert pairs == [("u1", "i1", 2.0, 300), ("u1", "i2", 4.0, 200), ("u2", "i1", 4.0, 100)]
    assert drops(file(dataset, "interactions.csv")) == {
        "exact copy of an earlier row": (1, (3,)),
        "user and item again, a later row is kept": (1, (2,)),
    }


def test_c52_latest_goes_by_time_and_only_without_it_by_place(write: Write, graph: Graph, convert: Convert) -> None:
    rows = "user_id,item_id,value,timestamp\nu1,i1,1,300\nu1,i1,2,100\nu1,i1,3,\nu1,i2,4,\nu1,i2,5,\n"
    dataset = convert(write({**graph, "interactions.csv": rows}), "tables")
    assert dataset.interactions["value"].to_list() == [1.0, 5.0]


def test_c53_a_user_with_one_row_is_trained_on_it(source: Callable[[str], Path], convert: Convert) -> None:
    dataset = convert(source("traps/one_interaction.csv"), "tables")
    counts = dataset.interactions.group_by("user_id", "split").len()
    assert sorted(counts.rows()) == [
        ("many", "test", 1),
        ("many", "train", 3),
        ("many", "valid", 1),
        ("pair", "test", 1),
        ("pair", "train", 1),
        ("solo", "train", 1),
    ]
    assert dataset.manifest.split["interactions"].seed == 0


_A_TIME = "seconds since 1970 (UTC) or ISO 8601 as timestamp (--time-unit declares another one)"
BAD_ROWS = [
    ("u2,,1,1,train", "empty item_id", "item_id not to be empty"),
    ("u2,i1,x,1,train", "value is not a number", "a number as value"),
    ("u2,i1,1e999,1,train", "value is not a number", "a number as value"),
    ("u2,i1,1,yesterday,train", "timestamp is no such time", _A_TIME),
    ("u2,i1,1,1700000000000,train", "timestamp is no such time", _A_TIME),
    ("u2,i1,1,1,dev", "unknown split", "one of train, valid, test as split"),
    ("u2,i1,1,1,", "unknown split", "one of train, valid, test as split"),
    ('u2,"i1,1,1,train', "wrong number of columns", "5 columns (user_id, item_id, value, timestamp, split)"),
]


@pytest.mark.parametrize(("row", "reason", "expected"), BAD_ROWS)
def test_a_malformed_cell_is_counted_or_refused_with_its_line(
    write: Write, graph: Graph, convert: Convert, row: str, reason: str, expected: str
) -> None:
    rows = f"user_id,item_id,value,timestamp,split\nu1,i1,1,1,train\n{row}\nu1,i2,0.5,100.9,test\n"
    source = write({**graph, "interactions.csv": rows})
    dataset = convert(source, "tables", max_bad_share=0.5)
    assert drops(file(dataset, "interactions.csv")) == {reason: (1, (3,))}
    assert dataset.interactions.rows() == [("u1", "i1", 1.0, 1, "train"), ("u1", "i2", 0.5, 100, "test")]
    with pytest.raises(TooManyBadRows) as caught:
        convert(source, "tables")
    assert (caught.value.line, caught.value.expected, caught.value.found) == (3, expected, repr(row))


@pytest.mark.parametrize("share", [0.01, 0.07, 0.29])
def test_the_limit_itself_is_allowed_and_one_bad_row_more_is_not(
    write: Write, graph: Graph, convert: Convert, share: float
) -> None:
    def source(bad: int) -> Path:
        rows = [f"u{n},i1" for n in range(100 - bad)] + [f"u{n}," for n in range(bad)]
        return write({**graph, "interactions.csv": "\n".join(["user_id,item_id", *rows])})

    limit = round(100 * share)
    assert convert(source(limit), "tables", max_bad_share=share).interactions.height == 100 - limit
    with pytest.raises(TooManyBadRows, match=f"{limit + 1} of 100 rows are malformed"):
        convert(source(limit + 1), "tables", max_bad_share=share)


@pytest.mark.parametrize(
    "header", ["", "user_id,title", "user_id,item_id,item_id", "user_id,item_id,value,rating", "USER_ID,item_id", '"']
)
def test_a_header_without_its_columns_is_refused(write: Write, graph: Graph, convert: Convert, header: str) -> None:
    source = write({**graph, "interactions.csv": f"{header}\nu1,i1\n"})
    expected = r"interactions\.csv, line \d: expected a header with the columns user_id, item_id, each once"
    with pytest.raises(MalformedFile, match=expected):
        convert(source, "tables")


def test_columns_are_found_by_name_and_an_unused_one_is_reported(write: Write, graph: Graph, convert: Convert) -> None:
    rows = "mood, item_id ,_line,user_id\ngood,i1,7,u1\n"
    dataset = convert(write({**graph, "interactions.csv": rows}), "tables")
    assert dataset.interactions.rows() == [("u1", "i1", None, None, "train")]
    assert dataset.manifest.report is not None
    assert "interactions.csv: the column 'mood' is not used" in dataset.manifest.report.warnings


def test_unnamed_columns_that_a_spreadsheet_left_behind_do_no_harm(
    write: Write, graph: Graph, convert: Convert
) -> None:
    dataset = convert(write({**graph, "interactions.csv": "user_id,item_id,,\nu1,i1,,\n"}), "tables")
    assert dataset.interactions.rows() == [("u1", "i1", None, None, "train")]


def test_latin_1_files_are_read_only_where_declared(write: Write, graph: Graph, convert: Convert) -> None:
    titles = "item_id,title\ni1,Café\n".encode("latin-1")
    source = write({**graph, "interactions.csv": INTERACTIONS, "items.csv": titles})
    with pytest.raises(Exception, match=r"items\.csv, line 2: byte 20"):
        convert(source, "tables")
    dataset = convert(source, "tables", encoding="latin-1")
    assert dataset.items.row(0) == ("i1", "Café")
    assert file(dataset, "items.csv").not_utf8_from_byte == 20
    assert file(dataset, "links.csv").encoding == "utf-8"


def test_two_files_for_one_table_or_none_at_all_are_refused(write: Write, graph: Graph, convert: Convert) -> None:
    source = write({**graph, "interactions.csv": INTERACTIONS, "links.tsv": "item_id\tentity_id\n"})
    with pytest.raises(BadOption, match=r"both links\.csv and links\.tsv"):
        convert(source, "tables")
    (source / "links.csv").unlink()
    (source / "links.tsv").unlink()
    with pytest.raises(MissingFile, match=r"links\.csv or links\.tsv"):
        convert(source, "tables")


@pytest.mark.parametrize(("name", "header"), [("interactions", "user_id,item_id"), ("triples", "head,relation,tail")])
def test_a_table_without_rows_to_train_on_is_refused(
    write: Write, graph: Graph, convert: Convert, name: str, header: str
) -> None:
    source = write({**graph, "interactions.csv": INTERACTIONS, f"{name}.csv": f"{header}\n"})
    with pytest.raises(EmptyTable, match=f"the table {name} would be empty"):
        convert(source, "tables")


def test_the_same_seed_gives_the_same_dataset(write: Write, graph: Graph, convert: Convert) -> None:
    rows = "user_id,item_id\n" + "".join(f"u{n % 3},i{n}\n" for n in range(60))
    source = write({**graph, "interactions.csv": rows})
    hashes = [convert(source, "tables", seed=seed).manifest.content_hash for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_repeated_ids_take_the_first_label_that_is_not_empty(write: Write, graph: Graph, convert: Convert) -> None:
    graph["items.csv"] = "item_id,title\ni1,\ni1,One\ni1,Uno\n"
    dataset = convert(write({**graph, "interactions.csv": INTERACTIONS}), "tables")
    assert dataset.items.filter(pl.col("item_id") == "i1")["title"].to_list() == ["One"]
    assert drops(file(dataset, "items.csv")) == {"repeated id": (2, (3, 4))}


@pytest.mark.parametrize(
    ("unit", "cell"),
    [(None, "978300760"), (None, "2000-12-31T22:12:40Z"), ("ms", "978300760999"), ("iso", "2000-12-31 22:12:40")],
)
def test_c15_the_time_unit_counts_for_plain_tables_too(
    write: Write, graph: Graph, unit: TimeUnit | None, cell: str
) -> None:
    """978300760 is 2000-12-31T22:12:40Z, the first timestamp of MovieLens 1M."""
    source = write({**graph, "interactions.csv": f"user_id,item_id,timestamp\nu1,i1,{cell}\n"})
    options = ReadOptions(time_unit=unit)
    dataset = import_dataset(READERS["tables"], source, name="t", seed=0, max_bad_share=0, options=options)
    assert dataset.interactions["timestamp"].to_list() == [978300760]
