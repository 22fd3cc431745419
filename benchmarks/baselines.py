"""Outside baselines on a data set: most popular, EASE and ALS, chosen on validation, measured once on test.

Every baseline is fitted on the training split alone, as our models are; the setting with the best F1 on validation goes
to test. A second row of each, named "... (train + valid)", is that same setting fitted on both splits: what a served
model would know. It has no validation figures, and it is not to be set beside models that saw train alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Literal

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.baseline_report import BaselineReport, DatasetName, Figures, GridPoint, Row, write_report
from benchmarks.machine import describe_machine
from benchmarks.recommenders import ALS, EASE
from models.durable import takes_file
from training.cli_shared import told_plainly
from training.config import ConfigError
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import PROTOCOLS, Protocol, Split
from training.evaluation.recommendation import MostPopular, evaluate_recommendation

TOP_N, CHOSEN_BY = 10, "f1"
PACKAGES = ("numpy", "torch", "scipy", "implicit")

Settings = Mapping[str, Any]


class BaselineName(StrEnum):
    """What `--only` takes."""

    popular = "popular"
    ease = "ease"
    als = "als"


@dataclass(frozen=True)
class Baseline:
    """A recommender and the settings that are tried; `fit(dataset, **settings)` makes an item scorer.

    Each change of `then`, in turn, is tried on the best setting so far.
    """

    title: str
    fit: Callable[..., Any]
    grid: Sequence[Settings]
    then: Sequence[Settings] = ()


def grid_of(**values: Sequence[Any]) -> list[Settings]:
    """Give every combination of the values, in their order.

    >>> grid_of(a=[1, 2], b=[3])
    [{'a': 1, 'b': 3}, {'a': 2, 'b': 3}]
    """
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


EASE_GRID = grid_of(regularisation=[10, 20, 50, 100, 200, 500, 1000, 1500, 2000, 3000])
ALS_GRID = grid_of(factors=[64, 128, 256], regularization=[30.0, 100.0, 300.0], alpha=[8.0, 32.0], iterations=[15])
ALS_THEN: list[Settings] = [{"alpha": 16.0}, {"alpha": 64.0}, {"factors": 512}, {"iterations": 5}, {"iterations": 30}]


def baselines(threads: int) -> Mapping[BaselineName, Baseline]:
    """Give the baselines by name; ALS fits on `threads` threads of its own."""

    def als(dataset: IndexedDataset, **settings: Any) -> ALS:
        return ALS(dataset, threads, **settings)

    return {
        BaselineName.popular: Baseline("most popular", MostPopular, [{}]),
        BaselineName.ease: Baseline("EASE", EASE, EASE_GRID),
        BaselineName.als: Baseline("ALS (implicit)", als, ALS_GRID, ALS_THEN),
    }


def measure(
    baseline: Baseline, dataset: IndexedDataset, protocol: Protocol, say: Callable[[str], None] = lambda _: None
) -> tuple[Row, Row]:
    """Choose the setting on validation; measure it on test, fitted on train, and then on train and valid.

    Raises:
        ValueError: the data set has no validation or no test rows.
    """
    points = [_tried(baseline, settings, dataset, protocol, say) for settings in baseline.grid]
    for change in baseline.then:
        points.append(_tried(baseline, {**_best(points).settings, **change}, dataset, protocol, say))
    best = _best(points)
    say(f"{baseline.title}: test")
    row = _tested(baseline, best.settings, dataset, protocol)
    both = _tested(baseline, best.settings, with_validation(dataset), protocol)
    return (
        row.model_copy(update={"valid": best.valid, "grid": tuple(points)}),
        both.model_copy(update={"name": f"{baseline.title} (train + valid)", "fitted_on": ("train", "valid")}),
    )


def _tried(
    baseline: Baseline, settings: Settings, dataset: IndexedDataset, protocol: Protocol, say: Callable[[str], None]
) -> GridPoint:
    say(f"{baseline.title}: {_spell(settings)}")
    return GridPoint(settings=settings, valid=_figures(baseline.fit(dataset, **settings), dataset, "valid", protocol))


def _best(points: Sequence[GridPoint]) -> GridPoint:
    """Give the point with the best validation figure; the first one of equals."""
    return max(points, key=lambda point: float(getattr(point.valid, CHOSEN_BY)))


def _tested(baseline: Baseline, settings: Settings, dataset: IndexedDataset, protocol: Protocol) -> Row:
    started = perf_counter()
    scorer = baseline.fit(dataset, **settings)
    seconds = perf_counter() - started
    figures = _figures(scorer, dataset, "test", protocol)
    return Row(
        name=baseline.title,
        fitted_on=("train",),
        settings=settings,
        grid=(),
        seconds=round(seconds, 3),
        valid=None,
        test=figures,
    )


def _figures(scorer: Any, dataset: IndexedDataset, split: Split, protocol: Protocol) -> Figures:
    means = evaluate_recommendation(scorer, dataset, split, protocol, TOP_N, "cpu").means()
    return Figures(**{name: means[name] for name in Figures.model_fields})


def with_validation(dataset: IndexedDataset) -> IndexedDataset:
    """Give the data set with the validation pairs among the training pairs; valid and test stay as they are."""
    pairs = np.concatenate([dataset.interactions["train"], dataset.interactions["valid"]])
    return replace(dataset, interactions={**dataset.interactions, "train": pairs})


def _spell(settings: Settings) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in settings.items()) or "no settings"


app = typer.Typer(pretty_exceptions_enable=False)
out, errors = Console(), Console(stderr=True)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set directory, as `python -m training convert` writes it.")],
    target: Annotated[Path, typer.Option("--out", help="The JSON file to write.")],
    protocol: Annotated[Literal["strict", "paper"], typer.Option(help="By which protocol to measure.")] = "strict",
    only: Annotated[list[BaselineName] | None, typer.Option(help="Measure this one alone; may be repeated.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads, for torch and for implicit.")] = 1,
) -> None:
    """Measure outside baselines and write their figures as JSON (format: benchmarks/README.md)."""
    with told_plainly(), errors.status("reading") as status:
        names = list(only or baselines(threads))
        _check(target, names)
        torch.set_num_threads(threads)
        dataset = IndexedDataset.of(Dataset.load(data))
        _check_rows(dataset)
        chosen = [baselines(threads)[name] for name in names]
        rows = [row for baseline in chosen for row in measure(baseline, dataset, PROTOCOLS[protocol], status.update)]
        report = BaselineReport(
            data=DatasetName(name=dataset.name, content_hash=dataset.content_hash),
            protocol=protocol,
            top_n=TOP_N,
            chosen_by=f"valid {CHOSEN_BY}",
            machine=describe_machine(threads, PACKAGES),
            command=_command(target.name, protocol, only or [], threads),
            rows=tuple(rows),
        )
        write_report(target, report)
    out.print(_table(report))


def _check(target: Path, names: Sequence[BaselineName]) -> None:
    """Find out before an hour of work what would fail after it."""
    if not takes_file(target):
        raise ConfigError(f"--out {target} is no place for a file; name one in a directory that may be written to")
    if BaselineName.als in names and find_spec("implicit") is None:
        raise ConfigError(
            "ALS needs the library implicit: pip install --group bench, or leave it out with --only popular --only ease"
        )


def _check_rows(dataset: IndexedDataset) -> None:
    for split, what in (("valid", "a setting is chosen"), ("test", "it is measured")):
        if not len(dataset.interactions[split]):
            raise ConfigError(f"{dataset.name}: the split {split!r} has no interactions, on which {what}")


def _command(file: str, protocol: str, only: Sequence[str], threads: int) -> str:
    parts = ["python -m benchmarks.baselines --data DATASET_DIR --out", file, "--protocol", protocol]
    return " ".join([*parts, *(f"--only {name}" for name in only), "--threads", str(threads)])


def _table(report: BaselineReport) -> Table:
    title = f"{report.data.name}, test, {report.protocol} protocol, @{report.top_n}, percent"
    table = Table("", *Figures.model_fields, title=title, caption="\n".join(_settings_of(report)))
    for row in report.rows:
        table.add_row(row.name, *(f"{100 * getattr(row.test, name):.2f}" for name in Figures.model_fields))
    return table


def _settings_of(report: BaselineReport) -> list[str]:
    return [f"{row.name}: {_spell(row.settings)}" for row in report.rows if row.grid]


if __name__ == "__main__":
    app()
