"""An evaluation beside another: which one, differences with sign and colour, and what may not stand side by side."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.checkpoint import read_manifest
from tests.training import planted
from training.cli import app
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.refit import refit_config
from training.release import make_release
from training.reports.evaluated import Evaluation, Row, keep, kept, last_beside, rows
from training.reports.results import ReportError

METRICS: dict[str, Any] = {
    "protocol": "strict",
    "recommendation": {"f1": 0.1234, "users": 42.0},
    "completion": {"hits": 0.5, "mean_rank": 12.0, "calibration": {"candidates": 3}},
}


def evaluation(minute: int, content: str = "a" * 64, **changed: Any) -> Evaluation:
    at = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
    values = {"evaluated_at": at, "content_hash": content, "protocol": "strict", "weights": "w", "metrics": METRICS}
    return Evaluation(**{**values, "learnt": "train", "trained_under": "strict", **changed})


def test_differences_are_in_percent_signed_and_better_where_they_are() -> None:
    other = {"recommendation": {"f1": 0.12, "users": 40.0}, "completion": {"hits": 0.5, "mean_rank": 10.0}}
    assert rows(METRICS, other) == [
        Row("recommendation f1", "12.34 %", "12.00 %", "+0.34", True),
        Row("recommendation users", "42", "40", "", None),
        Row("completion hits", "50.00 %", "50.00 %", "0.00", None),
        Row("completion mean_rank", "12.0", "10.0", "+2.0", False),  # a lower rank is the better one
    ]


def test_a_metric_that_the_other_run_has_not_stands_alone() -> None:
    assert rows(METRICS, {"recommendation": {"f1": 0.2}})[2] == Row("completion hits", "50.00 %", "", "", None)


def test_the_run_beside_is_the_last_one_of_the_same_data_and_protocol(tmp_path: Path) -> None:
    made = {
        "own": evaluation(9),
        "older": evaluation(1),
        "newer": evaluation(5),
        "other data": evaluation(8, "b" * 64),
        "other protocol": evaluation(8, protocol="paper"),
        "a refit": evaluation(8, learnt="train+valid"),
        "trained otherwise": evaluation(8, trained_under="paper"),
        "of before, of a run that is gone": evaluation(8, learnt=None, trained_under=None),
    }
    for name, each in made.items():
        (tmp_path / name).mkdir()
        keep(tmp_path / name, each)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "evaluation-strict.json").write_text("{", encoding="utf-8")
    found = last_beside(tmp_path / "own", made["own"])
    assert found == (tmp_path / "newer", made["newer"])
    with pytest.raises(ReportError, match="cannot be read"):
        kept(tmp_path / "broken", "strict")


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the planted world, side by side, and the data."""
    home, data = tmp_path_factory.mktemp("runs"), planted.dataset()
    data.save(home / "data")
    for name, epochs in (("one", 1), ("two", 4)):
        planted.run(planted.config(epochs=epochs), IndexedDataset.of(data), home / name)
    return home


def call(runs: Path, run: str, *more: object) -> tuple[int, str, str]:
    arguments = ["evaluate", "--data", runs / "data", "--checkpoint", runs / run / "checkpoint", *more]
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    return result.exit_code, result.stdout, result.stderr


def test_evaluate_shows_the_last_run_beside_from_the_second_one_on(runs: Path) -> None:
    code, first, err = call(runs, "one")
    assert code == 0, err
    assert "difference" not in first
    code, second, err = call(runs, "two")
    assert code == 0, err
    heading = next(line for line in second.splitlines() if "difference" in line)
    assert [cell.strip() for cell in heading.split("┃")[1:-1]] == ["metric", "value", "one", "difference"]
    (line,) = [line for line in second.splitlines() if "recommendation f1" in line]
    value, other, difference = (cell.strip() for cell in line.split("│")[2:5])
    told = float(difference.split()[0].replace("−", "-"))
    assert told == pytest.approx(float(value.removesuffix(" %")) - float(other.removesuffix(" %")), abs=0.005)
    assert difference.endswith("▲" if told > 0 else "▼" if told < 0 else "0.00")
    code, printed, err = call(runs, "two", "--json")
    assert code == 0, err
    more = {"learnt": "train", "trained_under": "strict"}
    assert json.loads(printed) == {**kept(runs / "two", "strict").metrics, **more}


def test_a_run_that_is_named_has_to_be_evaluated(runs: Path, tmp_path: Path) -> None:
    code, _, err = call(runs, "one", "--beside", tmp_path)
    assert code == 2
    assert f"error: {tmp_path / 'evaluation-strict.json'}: no such file; `python -m training evaluate` writes it" in err
    keep(tmp_path, evaluation(1, "b" * 64))
    code, _, err = call(runs, "one", "--beside", tmp_path)
    assert code == 2
    assert f"{tmp_path} was evaluated on other data: bbbbbbbbbbbb, not " in err


def older(run: Path) -> None:
    """Make the file of a run as one of before `learnt` was kept."""
    path = run / "evaluation-strict.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["learnt"], values["trained_under"]
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.fixture
def refits(tmp_path: Path) -> Path:
    """A run and its refit, in one folder, and the data."""
    data = IndexedDataset.of(planted.dataset({"triples": planted.more_held_out()}))
    planted.dataset({"triples": planted.more_held_out()}).save(tmp_path / "data")
    one = planted.run(planted.config(epochs=1), data, tmp_path / "one")
    planted.run(refit_config(one.checkpoint, []), data, tmp_path / "refit")
    return tmp_path


def test_a_refit_stands_beside_no_run_that_did_not_learn_validation_unless_that_is_asked_for_and_said(
    refits: Path,
) -> None:
    assert call(refits, "one")[0] == 0
    code, shown, err = call(refits, "refit")
    assert (code, "difference" in shown, err) == (0, False, "")
    assert "strict protocol, learnt from train+valid" in " ".join(shown.split())
    code, shown, err = call(refits, "refit", "--beside", refits / "one")
    assert (code, "difference" in shown) == (0, True)
    assert err == f"note: {refits / 'one'}: it learnt from train, this one from train+valid\n"


def test_an_older_file_is_completed_from_its_checkpoint_but_not_that_of_a_refit(refits: Path) -> None:
    for run in ("one", "refit"):
        assert call(refits, run)[0] == 0
        older(refits / run)
    assert (kept(refits / "one", "strict").learnt, kept(refits / "refit", "strict").learnt) == ("train", None)
    code, _, err = call(refits, "one", "--beside", refits / "refit")
    assert (code, err) == (
        0,
        f"note: {refits / 'refit'}: what it learnt from was not kept; evaluate it again\n",
    )


def test_figures_under_paper_of_a_model_trained_under_strict_say_so(runs: Path) -> None:
    code, shown, _ = call(runs, "one", "--protocol", "paper")
    assert code == 0
    assert "paper protocol, trained under strict" in " ".join(shown.split())


def test_probabilities_of_a_refit_are_fitted_on_what_it_did_not_learn_from(
    refits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.evaluation.calibration.LEAST_FACTS", 1)
    code, out, err = call(refits, "refit", "--calibration")
    assert (code, out) == (2, "")
    assert "learnt from the validation facts, on which probabilities are fitted" in err
    base = refits / "one" / "checkpoint"
    code, out, err = call(refits, "refit", "--calibration", "--probabilities-of", base, "--json")
    assert code == 0, err
    made = make_release(
        refits / "refit" / "checkpoint",
        IndexedDataset.of(Dataset.load(refits / "data")),
        refits / "releases",
        "refit",
        probabilities_of=base,
    )
    expected = read_manifest(made)["metrics"]["completion"]["calibration"]
    assert json.loads(out)["completion"]["calibration"] == expected
