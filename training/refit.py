"""A last training for serving: the settings and the epochs that validation chose, on the validation rows too.

Nothing is selected any more, so the figures of a refit are those of test alone. Validation facts join by default, as
they will be stored where it serves; then probabilities cannot be fitted on what it says of them, and a release takes
those of the checkpoint that validation chose (training/release.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import CheckpointError, read_checkpoint_manifest
from training.config import ConfigError, TrainingConfig, parse_config
from training.data.indexed import IndexedDataset

Learnt = Literal["train", "train+valid", "train+valid interactions"]
"""The splits that a checkpoint learnt from: a refit may have left the validation facts out."""


def with_validation_in_training(dataset: IndexedDataset, facts: bool = False) -> IndexedDataset:
    """Move the validation interactions behind those of training, and with `facts` the validation facts, too."""
    moved = replace(dataset, interactions=_moved(dataset.interactions))
    return replace(moved, triples=_moved(dataset.triples)) if facts else moved


def rows_learnt(dataset: IndexedDataset, manifest: Mapping[str, Any]) -> IndexedDataset:
    """Give a data set as the checkpoint or release of `manifest` learnt from it: all of that in its train split."""
    refit = manifest.get("training", {}).get("refit")
    return with_validation_in_training(dataset, learnt_validation_facts(manifest)) if refit else dataset


def learnt_validation_facts(manifest: Mapping[str, Any]) -> bool:
    """Whether the checkpoint of `manifest` learnt from the validation facts."""
    settings = manifest.get("training", {})
    return bool(settings.get("refit") and settings.get("refit_facts"))


def learnt_by(manifest: Mapping[str, Any]) -> Learnt:
    """Name the splits that the checkpoint of `manifest` learnt from."""
    if not manifest.get("training", {}).get("refit"):
        return "train"
    return "train+valid" if learnt_validation_facts(manifest) else "train+valid interactions"


def _moved(rows: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    return {**rows, "train": np.concatenate([rows["train"], rows["valid"]]), "valid": rows["valid"][:0]}


def refit_config(checkpoint: Path, warm_starts: Sequence[Path], facts: bool = True) -> TrainingConfig:
    """Give the settings that train `checkpoint` again as a refit: as many epochs, of the same schedule.

    Raises:
        CheckpointError: there is no manifest of a checkpoint that a training run wrote, or it is that of a release.
        ConfigError: it is a refit itself, or it began from checkpoints that are not given as `warm_starts`.
    """
    manifest = read_checkpoint_manifest(checkpoint)
    began_from = list[Mapping[str, Any]](manifest.get("warm_starts", []))
    if len(began_from) != len(warm_starts):
        names = ", ".join(str(source["model"]["name"]) for source in began_from) or "nothing"
        raise ConfigError(f"{checkpoint} began from {names}; name as many checkpoints by --warm-start")
    settings, epoch = manifest.get("training"), manifest.get("epoch")
    if not isinstance(settings, dict) or epoch is None:
        raise CheckpointError(checkpoint, "its manifest does not say how it was trained; name one that `train` made")
    if settings.get("refit"):
        raise ConfigError(f"{checkpoint} is a refit already; name the checkpoint that validation chose")
    refit = {"refit": True, "refit_facts": facts, "stop_epoch": epoch}
    return parse_config({**settings, **refit}, str(checkpoint))


def check_same_data(checkpoint: Path, dataset: IndexedDataset) -> None:
    """Make sure that a refit of `checkpoint` trains on the rows that it was trained and chosen on.

    Raises:
        CheckpointError: there is no manifest of a checkpoint.
        ConfigError: it was trained on other rows; both are named.
    """
    found = read_checkpoint_manifest(checkpoint).get("dataset", {})
    if found.get("content_hash") != dataset.content_hash:
        there = f"{found.get('name', 'unnamed')} {found.get('content_hash', '')[:12]}"
        raise ConfigError(
            f"{checkpoint} was trained on {there}, not on {dataset.name} {dataset.content_hash[:12]}: its epochs were "
            "chosen there; `train` on this data, then refit that"
        )
