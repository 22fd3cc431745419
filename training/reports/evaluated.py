"""What `evaluate` measured of a run, kept beside its checkpoint, and set beside the run that was evaluated last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from models.checkpoint import WEIGHTS, CheckpointError, read_manifest
from models.durable import replace_text
from training.refit import Learnt, learnt_by
from training.reports.markdown import number
from training.reports.results import ReportError
from training.run_state import CHECKPOINT, HISTORY

COUNTS = ("users", "triples")
LOWER_IS_BETTER = ("mean_rank",)
TASKS = ("recommendation", "most_popular", "completion")
Metrics = Mapping[str, Any]


class Evaluation(BaseModel):
    """The metrics of one run on the test split, with what they depend on; `weights` is the hash of the weights.

    `learnt` and `trained_under` are None where they are not known: in a file of before they were kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = 1
    evaluated_at: datetime
    content_hash: str
    protocol: str
    trained_under: str | None = None
    learnt: Learnt | None = None
    weights: str
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One metric as it is shown: value, the other run's, and their difference; `better` None where it is neither."""

    name: str
    value: str
    other: str
    difference: str
    better: bool | None


def run_of(checkpoint: Path) -> Path | None:
    """Give the folder of the run that a checkpoint is of; None for one that stands elsewhere, as in a release."""
    folder = checkpoint.resolve().parent
    return folder if checkpoint.resolve().name == CHECKPOINT and (folder / HISTORY).is_file() else None


def evaluation_of(manifest: Metrics, metrics: Metrics) -> Evaluation:
    """Put metrics together with what they depend on."""
    return Evaluation(
        evaluated_at=datetime.now(UTC),
        content_hash=manifest["dataset"]["content_hash"],
        protocol=str(metrics["protocol"]),
        trained_under=manifest["training"]["protocol"],
        learnt=learnt_by(manifest),
        weights=manifest["files"][WEIGHTS],
        metrics=dict(metrics),
    )


def keep(run: Path, evaluation: Evaluation) -> None:
    """Write it into the run's folder, in one step; an older one of the same protocol is replaced."""
    replace_text(run / _name(evaluation.protocol), evaluation.model_dump_json(indent=2) + "\n")


def kept(run: Path, protocol: str) -> Evaluation:
    """Read the evaluation of a run.

    Raises:
        ReportError: there is none of the protocol, or it cannot be read.
    """
    path = run / _name(protocol)
    try:
        return _completed(Evaluation.model_validate_json(path.read_bytes()), run)
    except FileNotFoundError:
        raise ReportError(f"{path}: no such file; `python -m training evaluate` writes it for a run") from None
    except (OSError, ValidationError) as error:
        raise ReportError(f"{path} cannot be read: {error}") from None


def _completed(evaluation: Evaluation, run: Path) -> Evaluation:
    """Fill in what an older file does not say, from the checkpoint that it is of, where that is there.

    Not of a refit: its most popular items were those of training alone then, so it has to be evaluated again.
    """
    if evaluation.learnt is not None:
        return evaluation
    try:
        manifest = read_manifest(run / CHECKPOINT)
    except CheckpointError:
        return evaluation
    if manifest["files"][WEIGHTS] != evaluation.weights or learnt_by(manifest) != "train":
        return evaluation
    return evaluation.model_copy(update={"learnt": "train", "trained_under": manifest["training"]["protocol"]})


def last_beside(run: Path, own: Evaluation) -> tuple[Path, Evaluation] | None:
    """Find the run in the same folder that was evaluated last, on the same data under the same protocol.

    It has learnt from the same splits, under the same protocol, too. None where there is none; a file that cannot be
    read is passed over.
    """
    siblings = _siblings(run, own.protocol)
    found = [(path, other) for path, other in siblings if _comparable(other, own) and not differences(other, own)]
    return max(found, key=lambda pair: pair[1].evaluated_at, default=None)


def check_comparable(other: Path, evaluation: Evaluation, own: Evaluation) -> None:
    """Make sure that two evaluations may stand side by side.

    Raises:
        ReportError: they are of two data sets.
    """
    if not _comparable(evaluation, own):
        raise ReportError(
            f"{other} was evaluated on other data: {evaluation.content_hash[:12]}, not {own.content_hash[:12]}"
        )


def differences(other: Evaluation, own: Evaluation) -> list[str]:
    """Say in what two runs differ that is more than their models: what they learnt from, and under which protocol."""
    if other.learnt is None:
        return ["what it learnt from was not kept; evaluate it again"]
    told = []
    if other.learnt != own.learnt:
        told.append(f"it learnt from {other.learnt}, this one from {own.learnt}")
    if other.trained_under != own.trained_under:
        told.append(f"it was trained under the {other.trained_under} protocol, this one under {own.trained_under}")
    return told


def _comparable(one: Evaluation, other: Evaluation) -> bool:
    return (one.content_hash, one.protocol) == (other.content_hash, other.protocol)


def _siblings(run: Path, protocol: str) -> Iterator[tuple[Path, Evaluation]]:
    for path in sorted(run.parent.iterdir()):
        if path != run and (path / _name(protocol)).is_file():
            try:
                yield path, kept(path, protocol)
            except ReportError:
                continue


def _name(protocol: str) -> str:
    return f"evaluation-{protocol}.json"


def rows(metrics: Metrics, other: Metrics | None) -> list[Row]:
    """Give each metric with the other run's beside: shares in percent, differences with their sign."""
    found = []
    for task in TASKS:
        for name, value in metrics.get(task, {}).items():
            if isinstance(value, int | float):
                against = None if other is None else other.get(task, {}).get(name)
                found.append(_row(f"{task.replace('_', '-')} {name}", name, value, against))
    return found


def _row(title: str, name: str, value: float, other: float | None) -> Row:
    if name in COUNTS:
        return Row(title, f"{value:,.0f}", "" if other is None else f"{other:,.0f}", "", None)
    scale, decimals, unit = (1.0, 1, "") if name in LOWER_IS_BETTER else (100.0, 2, " %")
    if other is None:
        return Row(title, number(scale * value, decimals) + unit, "", "", None)
    difference = round(scale * value, decimals) - round(scale * other, decimals)
    better = None if not round(difference, decimals) else (difference > 0) != (name in LOWER_IS_BETTER)
    told = number(difference, decimals, signed=True)
    return Row(title, number(scale * value, decimals) + unit, number(scale * other, decimals) + unit, told, better)
