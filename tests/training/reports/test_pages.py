"""Both reports as they leave the command line: links, pictures, facts, and what is refused."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.training import planted
from tests.training.reports.test_figures import assert_drawn
from tests.training.suite import small
from training.cli import app
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.suite.plan import Request

PRESETS = {"paper": small.PRESET, "strict": small.PRESET.replace('protocol = "paper"', 'protocol = "strict"')}


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of a name that the paper knows; suites under both protocols; a file of baselines."""
    place = tmp_path_factory.mktemp("reports")
    planted.dataset(name="dbbook2014").save(place / "data")
    data = IndexedDataset.of(Dataset.load(place / "data"))
    for name, systems in (("paper", ("ktup-soft",)), ("strict", ("tup-soft",))):
        preset = place / f"{name}.toml"
        preset.write_text(PRESETS[name])
        small.run(Request(str(preset), systems, (0,), {}), data, place / "suite")
    (place / "baselines.json").write_text(json.dumps(baselines(data.content_hash)))
    return place


def baselines(content_hash: str) -> dict[str, Any]:
    shares = {"precision": 0.5, "recall": 0.25, "f1": 0.4, "hit": 0.9, "ndcg": 0.45}
    rows = [
        {"name": "EASE", "settings": {"l2": 50.0}, "seconds": 1.5, "valid": shares, "test": shares},
        {"name": "Popular", "settings": {}, "seconds": 0.1, "valid": shares, "test": dict.fromkeys(shares, 0.0)},
        {
            **{"name": "EASE (train + valid)", "settings": {"l2": 50.0}, "seconds": 1.5, "valid": None, "grid": []},
            **{"fitted_on": ["train", "valid"], "test": dict.fromkeys(shares, 1.0)},
        },
    ]
    data = {"name": "dbbook2014", "content_hash": content_hash}
    return {"data": data, "protocol": "strict", "split": "test", "top_n": 10, "machine": {}, "rows": rows}


def paper(place: Path, out: Path, preset: str = "paper") -> tuple[int, str, str]:
    return call(
        *("report", "paper", "--data", place / "data", "--suite", place / "suite"),
        *("--preset", preset, "--out", out),
    )


def strict(place: Path, out: Path, file: Path, preset: str = "strict") -> tuple[int, str, str]:
    return call(
        *("report", "strict", "--data", place / "data", "--suite", place / "suite"),
        *("--preset", preset, "--baselines", file, "--out", out),
    )


@pytest.fixture(scope="module")
def report(place: Path) -> Path:
    """The directory of a report under the paper's protocol."""
    code, out, err = paper(place, place / "report")
    assert (code, out) == (0, f"Written to {place / 'report' / 'report.md'}\n"), err
    return place / "report"


def test_every_link_of_the_report_leads_to_a_file_beside_it(report: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (report / "report.md").read_text())
    assert {"figure-4.png", "figure-4.svg", "figure-5.png", "figure-5.svg", "case-study.json"} <= set(links)
    assert {path.name for path in report.iterdir()} == {*links, "report.md"}


def test_the_pictures_are_pictures(report: Path) -> None:
    for name in ("figure-4", "figure-5", "case-study"):
        assert_drawn(report, name)


def test_the_report_names_protocol_preset_and_data(report: Path, place: Path) -> None:
    text = (report / "report.md").read_text()
    assert text.startswith("# dbbook2014, paper protocol: ")
    assert "Preset `paper`, test split" in text
    assert Dataset.load(place / "data").manifest.content_hash in text


def test_the_paper_stands_beside_ours_and_the_data_beside_its_own(report: Path) -> None:
    text = (report / "report.md").read_text()
    assert "| this data set | 43 | 30 |" in text
    assert "| *DBbook2014 in the paper* | *5,576* | *2,680* |" in text
    assert "- **KTUP (soft)**, ours against the paper's: " in text
    assert "this suite has no result of FM, CFKG, CKE, CoFM (share), CoFM (reg), TUP (hard) and KTUP (hard)" in text
    assert "## Table 3" in text
    assert "The paper gives this table for MovieLens alone." in text
    assert "KTUP (soft) against TUP (soft) alone on recommendation: " in text
    assert "python -m training train" in text


def test_every_fact_of_the_case_study_is_stored_in_train(report: Path, place: Path) -> None:
    triples = Dataset.load(place / "data").triples
    stored = {row[:3] for row in triples.iter_rows() if row[3] == "train"}
    case = json.loads((report / "case-study.json").read_text())
    facts = [tuple(fact) for item in case["recommended"] for tie in item["ties"] for fact in tie["facts"]]
    assert facts
    assert set(facts) <= stored
    told = re.findall(r"(\w[\w ]*) — (\w+) → (\w+)", (report / "report.md").read_text())
    assert len(told) == len(facts)
    assert {(f"e{head.removeprefix('Film ')}", relation, tail) for head, relation, tail in told} == set(facts)


def test_the_user_of_the_case_study_has_the_history_and_the_list_of_the_checkpoint(report: Path, place: Path) -> None:
    case, data = json.loads((report / "case-study.json").read_text()), Dataset.load(place / "data")
    rows = [row for row in data.interactions.iter_rows() if row[0] == case["user_id"]]
    met = {split: {row[1] for row in rows if row[4] == split} for split in ("train", "valid", "test")}
    assert set(case["history"]) == met["train"]
    listed = [item["item_id"] for item in case["recommended"]]
    assert len(listed) == len(set(listed)) == 10
    assert not set(listed) & (met["train"] | met["valid"])
    assert {item["item_id"] for item in case["recommended"] if item["in_test"]} == met["test"] & set(listed)


def test_a_report_replaces_an_older_one_but_nothing_else(place: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "letters"
    assert strict(place, out, place / "baselines.json")[0] == 0
    before = (out / "report.md").read_text()
    (out / "figure-4.png").touch()
    assert strict(place, out, place / "baselines.json")[0] == 0
    assert [path.name for path in out.iterdir()] == ["report.md"]
    assert (out / "report.md").read_text() == before
    other.mkdir()
    (other / "letter.txt").touch()
    for code, _, err in (strict(place, other, place / "baselines.json"), paper(place, other)):
        assert (code, "holds no report.md, so it is not ours to overwrite" in err) == (2, True)
    assert [path.name for path in other.iterdir()] == ["letter.txt"]


def test_what_somebody_put_beside_a_report_is_never_removed(place: Path, tmp_path: Path) -> None:
    assert strict(place, tmp_path / "out", place / "baselines.json")[0] == 0
    (tmp_path / "out" / "ktup-seed-0.json").write_text("mine")
    for code, _, err in (strict(place, tmp_path / "out", place / "baselines.json"), paper(place, tmp_path / "out")):
        assert (code, "holds ktup-seed-0.json, which is not ours to overwrite" in err) == (2, True)
    assert (tmp_path / "out" / "ktup-seed-0.json").read_text() == "mine"


def test_strict_results_never_stand_beside_the_paper(place: Path, tmp_path: Path) -> None:
    code, _, err = paper(place, tmp_path / "out", "strict")
    assert code == 2
    assert "these results are of the strict protocol, and the paper's figures are of its own protocol" in err
    assert not (tmp_path / "out").exists()


def test_results_of_the_paper_protocol_never_stand_beside_baselines(place: Path, tmp_path: Path) -> None:
    code, _, err = strict(place, tmp_path / "out", place / "baselines.json", "paper")
    assert code == 2
    assert "these results are of the paper protocol, and outside baselines are measured under the strict" in err


def test_without_matplotlib_the_report_says_what_to_install(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = paper(place, tmp_path / "out")
    assert code == 2
    assert "plots need matplotlib: pip install --group report" in err
    assert not (tmp_path / "out").exists()


def test_the_strict_table_sets_ours_beside_baselines(place: Path, tmp_path: Path) -> None:
    code, _, err = strict(place, tmp_path / "out", place / "baselines.json")
    assert code == 0, err
    text = (tmp_path / "out" / "report.md").read_text()
    assert text.startswith("# dbbook2014, strict protocol: ")
    assert "| EASE |  | **50.00** | 25.00 | **40.00** |" in text  # two of ten can be right: ours are at most 20.00
    assert "| EASE (train + valid) |  | 100.00 |" in text
    assert "| TUP (soft) | 0 | " in text
    assert "No result of KTUP (soft) and KTUP (hard) in this suite." in text
    assert "EASE: l2 50.0 (1.5 s); Popular: none (0.1 s)" in text
    assert "*paper*" not in text


def _of_other_data(values: dict[str, Any]) -> None:
    values["data"]["content_hash"] = "f" * 64


def _of_the_paper_protocol(values: dict[str, Any]) -> None:
    values["protocol"] = "paper"


def _in_percent(values: dict[str, Any]) -> None:
    values["rows"][0]["test"]["ndcg"] = 45.0


def _of_shorter_lists(values: dict[str, Any]) -> None:
    values["top_n"] = 5


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_of_other_data, "is of other data: dbbook2014 ffffffffffff, not dbbook2014 "),
        (_of_the_paper_protocol, "protocol: Input should be 'strict', got 'paper'"),
        (_in_percent, "rows.0.test.ndcg: Input should be less than or equal to 1, got 45.0"),
        (_of_shorter_lists, "top_n is 5 there and 10 in "),
    ],
)
def test_baselines_that_do_not_fit_are_refused_with_the_reason(
    place: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], None], told: str
) -> None:
    values, file = json.loads((place / "baselines.json").read_text()), tmp_path / "baselines.json"
    spoil(values)
    file.write_text(json.dumps(values))
    code, _, err = strict(place, tmp_path / "out", file)
    assert code == 2
    assert f"error: {file}" in err
    assert told in err
    assert not (tmp_path / "out").exists()


def test_a_file_of_baselines_that_is_missing_is_named(place: Path, tmp_path: Path) -> None:
    code, _, err = strict(place, tmp_path / "out", tmp_path / "none.json")
    assert (code, "none.json: no such file; benchmarks/baselines.py writes it" in err) == (2, True)
