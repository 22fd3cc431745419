"""The results of a suite, once it is known that they may stand in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.suite.result import RESULT, RunResult, read_result


class ReportError(Exception):
    """A report cannot be made of this; the message says of what, and why."""


@dataclass(frozen=True)
class Results:
    """Results of one preset, one protocol and one data set: system -> runs by seed."""

    folder: Path
    preset: str
    protocol: str
    top_n: int
    runs: Mapping[str, Sequence[RunResult]]

    def of(self, system: str) -> Sequence[RunResult]:
        """Give the runs of a system, in the order of their seeds; none where there is no result."""
        return self.runs.get(system, ())

    def folder_of(self, run: RunResult) -> Path:
        """Give the folder in which a run's result stands."""
        return self.folder / run.system / f"seed-{run.seed}"


def load_results(suite: Path, preset: str, dataset: Dataset) -> Results:
    """Read every result of a preset in a suite.

    Raises:
        ReportError: there is none; or two of them, or one and the data set, differ in what a table must have in common.
        SuiteError: one cannot be read.
    """
    folder = suite / preset
    paths = sorted(folder.glob(f"*/seed-*/{RESULT}"))
    if not paths:
        raise ReportError(f"{folder}: no results; `python -m training suite --preset {preset}` makes them")
    results = {path: read_result(path) for path in paths}
    _same(results, "protocol", lambda run: run.protocol)
    _same(results, "data", lambda run: f"{run.dataset.name} {run.dataset.content_hash[:12]}")
    _same(results, "list length", lambda run: run.top_n)
    first_path, first = next(iter(results.items()))
    if first.dataset.content_hash != dataset.manifest.content_hash:
        raise ReportError(
            f"{first_path} is of other data than --data: {first.dataset.name} {first.dataset.content_hash[:12]}, not "
            f"{dataset.name} {dataset.manifest.content_hash[:12]}"
        )
    return Results(folder, preset, first.protocol, first.top_n, _by_system(results))


def _by_system(results: Mapping[Path, RunResult]) -> dict[str, list[RunResult]]:
    """Gather by system; the runs of one system may differ in the seed alone, or their mean says nothing."""
    runs: dict[str, list[RunResult]] = {}
    for system in dict.fromkeys(run.system for run in results.values()):
        own = {path: run for path, run in results.items() if run.system == system}
        _same(own, "settings", lambda run: {**_with_defaults(run.settings), "seed": None})
        runs[system] = sorted(own.values(), key=lambda run: run.seed)
    return runs


def _same(results: Mapping[Path, RunResult], what: str, value: Any) -> None:
    first_path, first = next(iter(results.items()))
    for path, run in results.items():
        if value(run) != value(first):
            raise ReportError(
                f"two kinds of {what} in one table: {_told(value(first), value(run))} in {first_path}, "
                f"{_told(value(run), value(first))} in {path}; report them apart"
            )


def _told(value: Any, other: Any) -> str:
    """Spell a value; of settings, those that differ."""
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{name} {value[name]!r}" for name in value if value[name] != other.get(name))


def _with_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings with those that came later, by their defaults; those of another version as they are."""
    try:
        return TrainingConfig.model_validate(settings).model_dump(mode="json")
    except ValidationError:
        return dict(settings)
