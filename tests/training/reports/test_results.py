"""What may stand in one table, and what is refused: two protocols, two data sets, two kinds of settings."""

from pathlib import Path
from typing import Any

import pytest

from tests.training import planted
from tests.training.reports import made
from training.data.dataset import Dataset
from training.reports.results import ReportError, load_results
from training.suite.result import DatasetName


@pytest.fixture
def data() -> Dataset:
    return planted.dataset(name="dbbook2014")


def run(data: Dataset, system: str, seed: int = 0, **changed: Any) -> Any:
    name = DatasetName(name=data.name, content_hash=data.manifest.content_hash)
    return made.result(system, seed, **{"dataset": name, **changed})


def test_runs_are_gathered_by_system_and_seed(data: Dataset, tmp_path: Path) -> None:
    for system, seed in (("bprmf", 10), ("bprmf", 2), ("transe", 0)):
        made.write(tmp_path, run(data, system, seed))
    results = load_results(tmp_path, "tiny", data)
    assert {system: [r.seed for r in runs] for system, runs in results.runs.items()} == {
        "bprmf": [2, 10],
        "transe": [0],
    }
    assert results.protocol == "paper"
    assert results.of("ktup-soft") == ()
    assert results.folder_of(results.of("bprmf")[1]) == tmp_path / "tiny" / "bprmf" / "seed-10"


def test_two_protocols_are_never_mixed(data: Dataset, tmp_path: Path) -> None:
    first = made.write(tmp_path, run(data, "bprmf"))
    second = made.write(tmp_path, run(data, "transe", protocol="strict"))
    with pytest.raises(ReportError, match=r"two kinds of protocol in one table: paper in .*, strict in ") as refused:
        load_results(tmp_path, "tiny", data)
    assert str(first) in str(refused.value)
    assert str(second) in str(refused.value)


def test_two_data_sets_are_never_mixed(data: Dataset, tmp_path: Path) -> None:
    made.write(tmp_path, run(data, "bprmf"))
    made.write(tmp_path, run(data, "transe", dataset=DatasetName(name="other", content_hash="f" * 64)))
    with pytest.raises(ReportError, match=r"two kinds of data in one table: dbbook2014 .*, other ffffffffffff in"):
        load_results(tmp_path, "tiny", data)


def test_results_of_another_data_set_than_the_one_given_are_refused(data: Dataset, tmp_path: Path) -> None:
    made.write(tmp_path, made.result("bprmf"))
    with pytest.raises(ReportError, match="of other data than --data: dbbook2014 abababababab, not dbbook2014 "):
        load_results(tmp_path, "tiny", data)


def test_seeds_with_other_settings_are_not_averaged_and_both_are_named(data: Dataset, tmp_path: Path) -> None:
    made.write(tmp_path, run(data, "bprmf", 0))
    made.write(tmp_path, run(data, "bprmf", 1, settings={**made.SETTINGS, "epochs": 9, "seed": 1}))
    with pytest.raises(ReportError, match=r"two kinds of settings in one table: epochs 2 in .*, epochs 9 in "):
        load_results(tmp_path, "tiny", data)


def test_a_setting_that_came_later_has_its_default_in_older_results(data: Dataset, tmp_path: Path) -> None:
    older = {**made.SETTINGS, "model": {"name": "bprmf"}}
    made.write(tmp_path, run(data, "bprmf", 0, settings={**older, "seed": 0}))
    made.write(tmp_path, run(data, "bprmf", 1, settings={**older, "seed": 1, "refit": False, "stop_epoch": None}))
    assert [result.seed for result in load_results(tmp_path, "tiny", data).runs["bprmf"]] == [0, 1]


def test_two_systems_may_have_other_settings(data: Dataset, tmp_path: Path) -> None:
    made.write(tmp_path, run(data, "bprmf"))
    made.write(tmp_path, run(data, "transe", settings={**made.SETTINGS, "epochs": 9, "seed": 0}))
    assert len(load_results(tmp_path, "tiny", data).runs) == 2


def test_without_results_the_command_that_makes_them_is_named(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no results; `python -m training suite --preset tiny` makes them"):
        load_results(tmp_path, "tiny", data)
