"""A finished run, as its report reads it: history, best checkpoint, and the data it was trained on."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from models.checkpoint import Checkpoint, load_checkpoint
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import PROTOCOLS, Protocol, Split
from training.refit import rows_learnt
from training.reports.case.text import Labels
from training.reports.results import ReportError
from training.run_state import CHECKPOINT, HISTORY

TOLD = ("dataset", "training", "epoch", "selected_on")
"""What `train` says in the manifest of a checkpoint, and a report needs."""


@dataclass(frozen=True)
class FinishedRun:
    """What is known of a run; `learnt` is the data as it was trained on (a refit learns from validation rows, too)."""

    folder: Path
    history: list[dict[str, Any]]
    checkpoint: Checkpoint
    dataset: Dataset
    indexed: IndexedDataset
    learnt: IndexedDataset
    labels: Labels
    device: torch.device

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the training, as the checkpoint keeps them."""
        return cast(dict[str, Any], self.checkpoint.manifest["training"])

    @property
    def protocol(self) -> Protocol:
        """What counts, as the run was trained."""
        return PROTOCOLS[self.settings["protocol"]]

    @property
    def top_n(self) -> int:
        """Length of the lists that are measured."""
        return int(self.settings["validation"]["top_n"])

    @property
    def split(self) -> Split:
        """Where the report measures: on validation, by which people choose; a refit learnt from it, so on test."""
        return "test" if self.settings.get("refit") else "valid"

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are the checkpoint."""
        return int(self.checkpoint.manifest["epoch"])


def read_run(folder: Path, dataset: Dataset, device: torch.device | None = None) -> FinishedRun:
    """Read what `train` left.

    Raises:
        ReportError: the run is not finished, its history cannot be read, its checkpoint does not say how it was
            trained, or it was trained on other data.
        CheckpointError: its checkpoint is not sound.
    """
    if not (folder / CHECKPOINT).is_dir():
        raise ReportError(
            f"{folder} holds no finished run: no {CHECKPOINT} in it; `python -m training train` makes one"
        )
    checkpoint, indexed = load_checkpoint(folder / CHECKPOINT, device or "cpu"), IndexedDataset.of(dataset)
    if missing := [name for name in TOLD if name not in checkpoint.manifest]:
        raise ReportError(f"{folder / CHECKPOINT} does not say how it was trained: no {missing[0]} in its manifest")
    trained_on = checkpoint.manifest["dataset"]
    if trained_on["content_hash"] != indexed.content_hash:
        raise ReportError(
            f"{folder} was trained on other data than --data: {trained_on['name']} {trained_on['content_hash'][:12]}, "
            f"not {dataset.name} {indexed.content_hash[:12]}"
        )
    learnt = rows_learnt(indexed, checkpoint.manifest)
    place = device or torch.device("cpu")
    return FinishedRun(folder, _history(folder), checkpoint, dataset, indexed, learnt, Labels(dataset), place)


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / HISTORY
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path}: no such file; `python -m training train` writes it at the end of a run") from None
    except ValueError as error:
        raise ReportError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, list) or not all(isinstance(record, dict) and "epoch" in record for record in found):
        raise ReportError(f"{path}: expected a list of epochs")
    return found
