"""What is exported is read back, and says the same."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from training.cli_files import app
from training.data.dataset import Dataset

Convert = Callable[..., Dataset]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def saved(toy: Path, tmp_path: Path, convert: Convert) -> Path:
    convert(toy, "ktup").save(tmp_path / "saved")
    return tmp_path / "saved"


def test_tables_read_back_have_the_same_content_hash(saved: Path, tmp_path: Path, convert: Convert) -> None:
    assert run("export", "--format", "tables", saved, tmp_path / "out")[0] == 0
    again = convert(tmp_path / "out", "tables")
    assert again.manifest.content_hash == Dataset.load(saved).manifest.content_hash


def test_recbole_files_read_back_give_the_same_tables(saved: Path, tmp_path: Path, convert: Convert) -> None:
    """The toy has no entity without a triple; what is said to be left out is the splits of its 7 triples."""
    code, out, _ = run("export", "--format", "recbole", saved, tmp_path / "out")
    assert code == 0
    assert "Not in these files: the splits of the triples" in out
    before, again = Dataset.load(saved), convert(tmp_path / "out", "recbole")
    for name in ("users", "items", "links"):
        assert sorted(again.tables[name].rows(), key=str) == sorted(before.tables[name].rows(), key=str)
    assert sorted(again.interactions.rows()) == sorted(before.interactions.rows())
    facts = ["head", "relation", "tail"]
    assert sorted(again.triples.select(facts).rows()) == sorted(before.triples.select(facts).rows())


def test_ntriples_read_back_give_the_same_graph_labels_and_links(dataset: Dataset, tmp_path: Path) -> None:
    """The ids are no absolute IRIs but for `e:...`, whose scheme is e; genre and director get a namespace."""
    dataset.save(tmp_path / "saved")
    assert run("export", "--format", "ntriples", tmp_path / "saved", tmp_path / "out")[0] == 0
    parts = [f"table={tmp_path / 'out' / name}.csv" for name in ("interactions", "links")]
    code, _, err = run("convert", *parts, f"ntriples={tmp_path / 'out' / 'graph.nt'}", tmp_path / "again")
    assert code == 0, err
    again = Dataset.load(tmp_path / "again")
    spelled = {f"urn:ktup:{name}": name for name in ("genre", "director")}
    facts = [(head, spelled[relation], tail) for head, relation, tail, _ in again.triples.rows()]
    assert sorted(facts) == sorted(row[:3] for row in dataset.triples.rows())
    assert dict(again.entities.rows()) == dict(dataset.entities.rows())
    assert sorted(again.links.rows()) == sorted(dataset.links.rows())
    assert sorted(again.interactions.rows(), key=str) == sorted(dataset.interactions.rows(), key=str)


def test_an_id_with_a_tab_is_refused_by_name_and_nothing_is_written(
    tables: dict[str, pl.DataFrame], build: Callable[..., Dataset], tmp_path: Path
) -> None:
    strange = {
        **tables,
        "users": tables["users"].with_columns(pl.col("user_id").replace("u1", "u\t1")),
        "interactions": tables["interactions"].with_columns(pl.col("user_id").replace("u1", "u\t1")),
    }
    build(strange).save(tmp_path / "saved")
    code, _, err = run("export", "--format", "recbole", tmp_path / "saved", tmp_path / "out")
    assert code == 2
    assert r"the user_id 'u\t1' holds a tab" in err
    assert not (tmp_path / "out").exists()


def test_mistakes_are_told_in_one_line(saved: Path, tmp_path: Path) -> None:
    assert "'turtle' is unknown" in run("export", "--format", "turtle", saved, tmp_path / "out")[2]
    assert "no manifest.json" in run("export", "--format", "tables", tmp_path / "nowhere", tmp_path / "out")[2]
    assert "not empty" in run("export", "--format", "tables", saved, saved)[2]
    file = saved / "manifest.json"
    _, _, told = run("export", "--format", "tables", tmp_path / "nowhere", file / "out")
    assert told == f"error: {file / 'out'} cannot be made: {file} is no directory that may be written to\n"
