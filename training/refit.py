"""A last training for serving: the settings and the epochs that validation chose, on the validation rows too.

Nothing is selected any more, so the figures of a refit are those of test alone. Only interactions join: the validation
facts stay out, since the probabilities of a release are fitted on them (training/evaluation/calibration.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint import read_manifest
from training.config import ConfigError, TrainingConfig, parse_config
from training.data.indexed import IndexedDataset


def with_validation_in_training(dataset: IndexedDataset) -> IndexedDataset:
    """Move the validation interactions behind those of training."""
    rows = dataset.interactions
    moved = {**rows, "train": np.concatenate([rows["train"], rows["valid"]]), "valid": rows["valid"][:0]}
    return replace(dataset, interactions=moved)


def refit_config(checkpoint: Path, warm_starts: Sequence[Path]) -> TrainingConfig:
    """Give the settings that train `checkpoint` again as a refit: as many epochs, of the same schedule.

    Raises:
        CheckpointError: there is no manifest of a checkpoint.
        ConfigError: it is a refit itself, or it began from checkpoints that are not given as `warm_starts`.
    """
    manifest = read_manifest(checkpoint)
    began_from = list[Mapping[str, Any]](manifest.get("warm_starts", []))
    if len(began_from) != len(warm_starts):
        names = ", ".join(str(source["model"]["name"]) for source in began_from) or "nothing"
        raise ConfigError(f"{checkpoint} began from {names}; name as many checkpoints by --warm-start")
    settings = manifest["training"]
    if settings.get("refit"):
        raise ConfigError(f"{checkpoint} is a refit already; name the checkpoint that validation chose")
    return parse_config({**settings, "refit": True, "stop_epoch": manifest["epoch"]}, str(checkpoint))
