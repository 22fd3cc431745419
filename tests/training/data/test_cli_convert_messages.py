"""What a person with odd files is told: where, what was expected, what to do; exit code 2 and nothing on disk."""

import gzip
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from training.cli_convert import convert
from training.data.dataset import Dataset
from training.data.readers import READERS

Write = Callable[..., Path]
REPOSITORY = Path(__file__).parents[3]
RATINGS = "1::10::5::978300101\n1::20::4::978300102\n2::10::3::978300103\n2::30::3::978300104\n"
MOVIES = "10::Blue Hill (1990)::Drama|War\n20::Night (1991)::Comedy\n30::Harbour, The (1995)::Drama\n"
FILMS = {"ml/ratings.dat": RATINGS, "ml/movies.dat": MOVIES}
BROKEN = Path("/proc/self/mem")  # opens, and cannot be read from its start: the one file that root cannot read, either
needs_proc = pytest.mark.skipif(not BROKEN.exists(), reason="no /proc here")
app = typer.Typer(pretty_exceptions_enable=False)
app.command("convert")(convert)


@app.callback()
def main() -> None:
    """Make `convert` a sub-command, as it is in the product."""


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["convert", *map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def refused(folder: Path, *arguments: object, target: object = None) -> str:
    """Give the message, of which there is one; nothing may be written."""
    before = sorted(folder.parent.rglob("*"))
    code, out, err = run(*arguments[:1], *arguments[1:], target or folder.parent / "new" / "out")
    assert (code, out) == (2, "")
    told = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert "Traceback" not in err
    assert sorted(folder.parent.rglob("*")) == before
    return told[0]


def test_interactions_alone_are_told_what_to_bring(write: Write) -> None:
    folder = write({"a.csv": "user_id,item_id,genre\nu1,i1,war\nu2,i1,war\n"})
    message = refused(folder, folder / "a.csv")
    assert "the table triples would be empty" in message
    assert "--column genre=COLUMN" in message
    assert "ntriples=graph.nt table=links.csv" in message
    assert "a.csv (2 rows); a.csv holds interactions: user_id, item_id; not used: genre" in message
    assert run(folder / "a.csv", "--column", "genre=genre", folder.parent / "out")[0] == 0


def test_a_graph_alone_is_told_what_to_bring(write: Write) -> None:
    folder = write({"train.txt": "a\tr\tb\n"})
    assert "no source holds interactions; bring who met what" in refused(folder, folder)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--positive-from", "9"], "4 value below 9, negative in ratings.dat"),
        (["--min-user-interactions", "7"], "4 user with fewer than 7 interactions in ratings.dat"),
    ],
)
def test_rules_that_leave_nothing_name_themselves(write: Write, arguments: list[str], reason: str) -> None:
    folder = write(FILMS)
    assert f"all of its 4 rows were left out. Left out: {reason}" in refused(folder, folder / "ml", *arguments)


def test_headers_in_german_are_shown_and_read_as_one_says(write: Write, tmp_path: Path) -> None:
    folder = write({"k.csv": "Kunde;Artikel;Datum;Thema\nanna;B1;2020-01-02;Krieg\nbert;B1;2020-01-03;Krieg\n"})
    message = refused(folder, folder / "k.csv")
    assert "k.csv begins with 'Kunde;Artikel;Datum;Thema'" in message
    assert "--column user_id=reader" in message
    columns = ("user_id=Kunde", "item_id=Artikel", "timestamp=Datum", "thema=Thema")
    code, _, err = run(folder / "k.csv", *(part for column in columns for part in ("--column", column)), tmp_path / "o")
    assert (code, "taken for table" in err) == (0, True)
    dataset = Dataset.load(tmp_path / "o")
    assert dataset.interactions["timestamp"].to_list() == [1577923200, 1578009600]  # 2020-01-02 and -03
    assert dataset.triples["tail"].unique().to_list() == ["thema:Krieg"]


def test_a_column_may_be_meant_for_one_of_several_tables(write: Write, tmp_path: Path) -> None:
    folder = write({"a.csv": "user_id,item_id\nu1,i1\n", "b.csv": "item_id,title,genres\ni1,Blue,war|love\n"})
    code, _, err = run(folder / "a.csv", folder / "b.csv", "--column", "genre=genres", tmp_path / "out")
    assert code == 0, err
    dataset = Dataset.load(tmp_path / "out")
    assert sorted(dataset.triples["tail"]) == ["genre:love", "genre:war"]
    assert dataset.items.rows() == [("i1", "Blue")]


def test_globs_take_parts_and_packed_parts_and_parquet_is_a_table(write: Write, tmp_path: Path) -> None:
    head = "user_id,item_id,genre\n"
    packed = gzip.compress(f"{head}u3,i1,x\n".encode())
    folder = write({"r-1.csv": f"{head}u1,i1,x\n", "r-2.csv.gz": packed, "other.csv": f"{head}u9,i9,x\n"})
    assert run(folder / "r-*", "--column", "genre=genre", tmp_path / "a")[0] == 0
    assert sorted(Dataset.load(tmp_path / "a").users["user_id"]) == ["u1", "u3"]
    rows = {"user_id": [1, 2], "item_id": [7, 7], "rating": [1.0, 2.5], "genre": ["a", "a"]}
    pl.DataFrame(rows).write_parquet(folder / "p.parquet")
    assert run(folder / "p.parquet", "--column", "genre=genre", tmp_path / "b")[0] == 0
    assert Dataset.load(tmp_path / "b").interactions["value"].to_list() == [1.0, 2.5]


def test_windows_1252_is_refused_with_its_byte_and_read_when_declared(write: Write, tmp_path: Path) -> None:
    """`user_id,item_id,genre` and its line end are 22 bytes, J is the next: the first strange byte is 23."""
    folder = write({"w.csv": "user_id,item_id,genre\nJörg,i1,Café – x\n".encode("cp1252")})
    message = refused(folder, folder / "w.csv", "--column", "genre=genre")
    assert "w.csv, line 2: byte 23 (counted from 0) is not valid utf-8; declare another one with --encoding" in message
    assert run(folder / "w.csv", "--column", "genre=genre", "--encoding", "cp1252", tmp_path / "o")[0] == 0
    dataset = Dataset.load(tmp_path / "o")
    assert (dataset.users["user_id"][0], dataset.triples["tail"][0]) == ("Jörg", "genre:Café – x")


def test_a_graph_that_meets_no_item_is_refused_though_genres_would_hide_it(write: Write) -> None:
    folder = write(
        {**FILMS, "g.nt": "<http://a.example/x> <http://a.example/r> <http://a.example/y> .\n", "l.txt": "10\tm.0x\n"}
    )
    without = refused(folder, folder / "ml", folder / "g.nt")
    assert "0 of 3 items are aligned" in without
    assert "bring links, such as a table with the columns item_id and entity_id" in without
    wrong = refused(folder, folder / "ml", folder / "g.nt", folder / "l.txt")
    assert "none of the 1 link rows names both a known item and one of the 2 known entities" in wrong
    assert "(items: '10', '20'; entities: 'http://a.example/x', 'http://a.example/y'; links: '10 = m.0x')" in wrong


def test_how_many_items_the_given_graph_reaches_is_told_beside_their_own_facts(write: Write, tmp_path: Path) -> None:
    folder = write({**FILMS, "g.txt": "m.0x\tr\tm.0y\n", "l.txt": "10\tm.0x\n"})
    assert run(folder / "ml", f"fb15k={folder / 'g.txt'}", folder / "l.txt", tmp_path / "out")[0] == 0
    report = Dataset.load(tmp_path / "out").manifest.report
    assert report is not None
    assert any("1 of 3 items stand for an entity of the graph that was given" in told for told in report.warnings)


@pytest.mark.parametrize(
    ("files", "name", "seen"),
    [
        ({"empty/.hidden": ""}, "empty", "it holds no file"),
        ({"n.csv": ""}, "n.csv", "n.csv is empty"),
        ({"x.xlsx": b"PK\x03\x04rest"}, "x.xlsx", "x.xlsx is a zip archive, or a workbook: unpack it, or save"),
        ({"f/r.csv.gz": b"no"}, "f", "r.csv.gz cannot be read: Not a gzipped file"),
        ({"f/r.csv.gz": gzip.compress(b"user_id,item_id\n")[:20]}, "f", "r.csv.gz cannot be unpacked"),
        ({"r.json": '{"user_id": "u1"'}, "r.json", 'r.json begins with \'{"user_id": "u1"\''),
    ],
)
def test_what_no_reader_knows_is_told_by_what_is_in_it(
    write: Write, files: dict[str, str | bytes], name: str, seen: str
) -> None:
    folder = write(files)
    assert seen in refused(folder, folder / name)


@needs_proc
@pytest.mark.parametrize("named", ["movielens-1m=", ""])
def test_a_file_that_cannot_be_read_is_named(write: Write, named: str) -> None:
    folder = write({"ml/movies.dat": ""})
    (folder / "ml" / "ratings.dat").symlink_to(BROKEN)
    message = refused(folder, f"{named}{folder / 'ml'}")
    assert "ratings.dat" in message
    assert "Input/output error" in message


@pytest.mark.parametrize("format_", ["table", "kb4rec"])
def test_a_cut_archive_is_no_empty_file(write: Write, format_: str) -> None:
    folder = write({"a.txt.gz": gzip.compress(b"user_id\titem_id\nu\ti\n")[:25]})
    message = refused(folder, f"{format_}={folder}")
    assert "a.txt.gz, line 1: expected a whole gzip file" in message


@pytest.mark.parametrize("report", ["", "nowhere/r.json", pytest.param("/proc/r.json", marks=needs_proc)])
def test_a_place_for_the_report_is_looked_for_before_anything_is_written(write: Write, report: str) -> None:
    folder = write(FILMS)
    assert "--report: " in refused(folder, folder / "ml", "--report", folder / report)


def test_a_target_below_a_file_is_refused_before_anything_is_read(write: Write) -> None:
    folder = write(FILMS)
    message = refused(folder, folder / "nowhere", target=folder / "ml" / "ratings.dat" / "out")
    assert "ratings.dat is no directory that may be written to" in message


@needs_proc
def test_a_target_that_only_looks_writable_is_refused_before_anything_is_read(write: Write) -> None:
    message = refused(write(FILMS), "nowhere", target="/proc/out")
    assert "/proc/out cannot be made: /proc is no directory that may be written to" in message


@pytest.mark.parametrize(
    ("option", "hearing"),
    [
        (["--column", "user_id=x"], "recbole, table"),
        (["--separator", ";"], "book-crossing, recbole, table"),
        (["--no-header"], "book-crossing, recbole, table"),
        (["--item-prefix", "movie_"], "kb4rec"),
        (["--keep-literals", "http://a.example/p"], "ntriples, turtle"),
        (["--language", "de"], "ntriples, turtle"),
    ],
)
def test_an_option_that_no_reader_hears_is_refused(write: Write, option: list[str], hearing: str) -> None:
    folder = write(FILMS)
    message = refused(folder, folder / "ml", *option)
    assert f"means nothing in movielens-1m; it is for {hearing}" in message
    assert set(hearing.split(", ")) <= set(READERS)


def asked(folder: Path, *keys: str) -> tuple[int, str]:
    """Run the product on a terminal, type there, and give the exit code and what the terminal showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "training", "convert", str(folder / "both"), str(folder / "out")]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=REPOSITORY) as process:
        os.close(theirs)
        shown = ""
        try:
            while data := os.read(ours, 4096):
                shown += data.decode(errors="replace")
                if keys and shown.rstrip().endswith(":") and "Which format is it?" in shown:
                    os.write(ours, keys[0].encode())
                    keys, shown = keys[1:], shown + "\n"
        except OSError:  # how Linux tells that the other end was closed
            pass
    os.close(ours)
    return process.returncode, shown


BOTH = {
    "both/ratings.dat": RATINGS,
    "both/movies.dat": MOVIES,
    "both/u.data": "1\t2\t3\t881250949\n2\t2\t4\t881250950\n",
}


def test_on_a_terminal_an_uncertain_guess_is_asked_about(write: Write) -> None:
    folder = write(BOTH)
    code, shown = asked(folder, "klingon\n", "movielens-1m\n")
    assert code == 0, shown
    assert "may be:" in shown
    assert "Please select one of the available options" in shown
    assert Dataset.load(folder / "out").manifest.source_format == "movielens-1m"


def test_an_end_of_input_is_no_answer(write: Write) -> None:
    folder = write(BOTH)
    code, shown = asked(folder, "\x04")
    assert code not in (0, None)
    assert "Traceback" not in shown
    assert not (folder / "out").exists()
