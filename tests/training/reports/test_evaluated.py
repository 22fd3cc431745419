"""An evaluation beside another: which one, differences with sign and colour, and what may not stand side by side."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.training import planted
from training.cli import app
from training.data.indexed import IndexedDataset
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
    return Evaluation(**{**values, **changed})


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
    assert json.loads(printed) == kept(runs / "two", "strict").metrics


def test_a_run_that_is_named_has_to_be_evaluated(runs: Path, tmp_path: Path) -> None:
    code, _, err = call(runs, "one", "--beside", tmp_path)
    assert code == 2
    assert f"error: {tmp_path / 'evaluation-strict.json'}: no such file; `python -m training evaluate` writes it" in err
    keep(tmp_path, evaluation(1, "b" * 64))
    code, _, err = call(runs, "one", "--beside", tmp_path)
    assert code == 2
    assert f"{tmp_path} was evaluated on other data: bbbbbbbbbbbb, not " in err
