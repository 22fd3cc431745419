import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from training.cli_convert import convert
from training.data.dataset import Dataset
from training.data.readers import READERS
from training.data.readers.base import Recognition
from training.data.readers.guess import Guess, sure

Write = Callable[..., Path]
app = typer.Typer(pretty_exceptions_enable=False)
app.command("convert")(convert)


@app.callback()
def main() -> None:
    """Make `convert` a sub-command, as it is in the product."""


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["convert", *map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_the_toy_becomes_a_dataset_and_a_report(toy: Path, tmp_path: Path) -> None:
    code, out, _ = run("--format", "ktup", toy, tmp_path / "out", "--name", "toy set")
    assert code == 0
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.name == "toy set"
    assert (
        "Alignment: 3 of 4 items (75.0%, 70.0% of the interactions) stand for 2 entities; 2 items share theirs." in out
    )
    assert "Overlap: 1 triples left test, because train holds them, too." in out
    assert "1 already in train (2)" in out
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["report"]["alignment"]["aligned_items"] == 3


def test_the_name_is_the_sources_own_where_none_is_given(toy: Path, tmp_path: Path) -> None:
    run("--format", "ktup", toy, tmp_path / "out")
    assert Dataset.load(tmp_path / "out").name == "toy"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda toy: (toy / "train.dat").write_text("0\t0\n"), "line 1: expected 3 columns"),
        (lambda toy: (toy / "kg" / "e_map.dat").unlink(), "e_map.dat: no such file"),
        (lambda toy: (toy / "i2kg_map.tsv").write_bytes(b"71\tCaf\xe9\tx\n"), "byte 6"),
        (lambda toy: (toy / "i2kg_map.tsv").write_bytes(b""), "0 of 4 items are aligned"),
        (lambda toy: (toy / "u_map.dat").chmod(0) or (toy / "u_map.dat").unlink(), "u_map.dat"),
    ],
)
def test_an_error_is_one_message_with_exit_code_2_and_nothing_written(
    toy: Path, tmp_path: Path, spoil: Callable[[Path], object], expected: str
) -> None:
    spoil(toy)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run("--format", "ktup", toy, tmp_path / "deep" / "out")
    assert (code, out) == (2, "")
    assert err.strip().startswith("error: ")
    assert expected in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_file_says_is_never_taken_for_markup(write: Write, tmp_path: Path) -> None:
    source = write(
        {
            "interactions.csv": "user_id,item_id,[/red]\nu1,i1,x\n",
            "triples.csv": "head,relation,tail\ne1,[bold]r[/nothing],e2\n",
            "links.csv": "item_id,entity_id\ni1,e1\n",
        }
    )
    code, out, _ = run("--format", "tables", source, tmp_path / "[/out]")
    assert code == 0
    assert "[bold]r[/nothing]" in out
    assert "the column '[/red]' is not used" in out
    code, _, err = run("--format", "[/ktup]", source, tmp_path / "other")
    assert code == 2
    assert "'[/ktup]' is unknown; choose one of ktup, tables, " in err


def test_a_taken_target_is_refused_before_anything_is_read(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    code, _, err = run("--format", "ktup", toy / "nowhere", tmp_path / "out", "--overwrite")
    assert code == 2
    assert "not ours to overwrite" in err
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_failed_overwrite_keeps_the_old_dataset(toy: Path, tmp_path: Path) -> None:
    run("--format", "ktup", toy, tmp_path / "out")
    before = Dataset.load(tmp_path / "out").manifest
    (toy / "train.dat").write_text("")
    assert run("--format", "ktup", toy, tmp_path / "out", "--overwrite")[0] == 2
    assert Dataset.load(tmp_path / "out").manifest == before


def test_the_bad_share_may_be_raised_and_must_be_a_share(toy: Path, tmp_path: Path) -> None:
    (toy / "valid.dat").write_text("0\t2\t4\n0\n")
    arguments = ("--format", "ktup", toy, tmp_path / "out", "--max-bad-share")
    assert run(*arguments, "0.5")[0] == 0
    assert run(*arguments, "1.5")[0] == 2


def test_the_seed_decides_the_split(write: Write, graph: dict[str, str], tmp_path: Path) -> None:
    rows = "user_id,item_id\n" + "".join(f"u,i{n}\n" for n in range(40))
    source = write({**graph, "interactions.csv": rows})
    for seed in (1, 2):
        run("--format", "tables", source, tmp_path / str(seed), "--seed", seed)
    one, two = (Dataset.load(tmp_path / str(seed)) for seed in (1, 2))
    assert one.manifest.split["interactions"].seed == 1
    assert one.manifest.content_hash != two.manifest.content_hash


def test_help_names_every_format_and_shows_the_files_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run("--help")
    assert code == 0
    plain = re.sub(r"[^a-z0-9-]+", " ", out)
    assert all(f" {name} " in plain for name in READERS)
    for name, reader in READERS.items():
        code, out, _ = run("--help-format", name)
        assert code == 0
        assert all(line.strip() in out for line in reader.layout.splitlines())
    assert run("--help-format", "klingon")[0] == 2


def ratings(path: Path, rows: str) -> Path:
    path.mkdir()
    (path / "ratings.dat").write_text(rows)
    (path / "movies.dat").write_text("1::Harbour, The (1995)::Drama\n2::Blue Hill (1990)::Comedy|Drama\n")
    return path


def test_sources_of_several_formats_become_one_data_set(tmp_path: Path) -> None:
    """Item 1 has a link: its genre and year become facts of e:harbour. Item 2 has none: they are told of item:2."""
    films = ratings(tmp_path / "ml", "1::1::5::978300760\n1::2::3::978300761\n2::1::4::978300762\n")
    (tmp_path / "links.csv").write_text("item_id,entity_id\n1,e:harbour\n9,e:harbour\n")
    (tmp_path / "graph.tsv").write_text("e:harbour\tdirector\te:bo\ne:bo\tborn in\te:ghent\n")
    sources = (f"movielens-1m={films}", f"table={tmp_path / 'links.csv'}", f"fb15k={tmp_path / 'graph.tsv'}")
    code, _, err = run(*sources, tmp_path / "out", "--report", tmp_path / "report.json")
    assert code == 0, err
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.links.rows() == [("1", "e:harbour"), ("2", "item:2")]
    facts = set(dataset.triples.select("head", "tail").rows())
    assert {("e:harbour", "genre:Drama"), ("item:2", "genre:Comedy"), ("e:harbour", "e:bo")} <= facts
    assert ("item:2", "Blue Hill (1990)") in dataset.entities.rows()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == json.loads((tmp_path / "out" / "manifest.json").read_text())["report"]
    assert report["source_format"] == "movielens-1m + table + fb15k"
    dropped = {file["name"]: file["dropped"] for file in report["files"]}
    assert [(drop["reason"], drop["first_lines"]) for drop in dropped["links.csv"]] == [("unknown item", [3])]


def test_a_format_that_is_not_named_is_guessed_and_the_guess_is_said(tmp_path: Path) -> None:
    films = ratings(tmp_path / "ml", "1::1::5::978300760\n1::2::3::978300761\n")
    code, _, err = run(films, tmp_path / "out")
    assert code == 0
    assert "taken for movielens-1m" in err.replace("\n", "")


def test_without_a_terminal_an_uncertain_guess_is_an_error_with_the_candidates(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing that anybody knows\n")
    code, out, err = run(tmp_path / "a.txt", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "the format is not certain" in err
    assert not (tmp_path / "out").exists()


def test_equally_likely_formats_are_no_sure_guess() -> None:
    one, other = (Guess(name, Recognition(score, "")) for name, score in (("a", 0.9), ("b", 0.85)))
    assert sure([one, other]) is None
    assert sure([one]) == one
    assert sure([Guess("c", Recognition(0.3))]) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{toy}"], "name one source at least"),
        (["klingon={toy}", "{out}"], "'klingon' is unknown"),
        (["{toy}", "ktup={toy}", "{out}", "--format", "ktup"], "goes with a single source"),
        (["{toy}", "{out}", "--split", "by-magic"], "'by-magic' is unknown; choose one of per-user-random"),
        (["{toy}", "{out}", "--column", "user_id"], "is not OURS=THEIRS"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(
    toy: Path, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    code, _, err = run(*(argument.format(toy=toy, out=tmp_path / "out") for argument in arguments))
    assert code == 2
    assert expected in err
    assert not (tmp_path / "out").exists()


def test_c15_a_split_by_time_without_times_names_the_columns_that_were_found(
    write: Write, graph: dict[str, str], tmp_path: Path
) -> None:
    source = write({**graph, "interactions.csv": "user_id,item_id,rating\nu1,i1,4\nu1,i2,5\n"})
    for split in ("global-time", "per-user-time"):
        code, _, err = run(source, tmp_path / "out", "--split", split)
        assert code == 2
        assert "needs the column timestamp in every row; found: user_id, item_id, value; 2 of 2 rows" in err
    assert not (tmp_path / "out").exists()


def test_c18_ratings_stay_floats_and_the_threshold_says_what_is_positive(
    graph: dict[str, str], write: Write, cases: Path, tmp_path: Path
) -> None:
    """The values are 4, 4.5, 0.5, 5 and 3.5: three are 4 or more."""
    source = write({"ratings.csv": (cases / "ml_latest/ratings.csv").read_bytes()})
    (source / "movies.csv").write_bytes((cases / "ml_latest/movies.csv").read_bytes())
    assert run(source, tmp_path / "all")[0] == 0
    everything = Dataset.load(tmp_path / "all").interactions
    code, out, _ = run(source, tmp_path / "out", "--positive-from", "4")
    assert code == 0
    assert "Values: 3 positive, 2 negative and left out (positive from 4 on)." in out
    kept = Dataset.load(tmp_path / "out").interactions
    assert sorted(kept["value"]) == [value for value in sorted(everything["value"]) if value >= 4]
    assert any(value % 1 for value in everything["value"])
