import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from training.cli_convert import convert
from training.data.dataset import Dataset

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
    assert "'[/ktup]' is unknown; choose one of ktup, tables" in err


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


def test_help_shows_the_files_of_each_format() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "head TAB tail TAB relation" in out
    assert "user_id,item_id[,value][,timestamp][,split]" in out
