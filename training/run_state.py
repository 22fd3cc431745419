"""Where a run stands after an epoch: one file, replaced in one step, from which a killed run goes on unchanged."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from training.config import TrainingConfig
from training.data.indexed import IndexedDataset

STATE, CHECKPOINT, HISTORY = "state.safetensors", "checkpoint", "history.json"


class ResumeError(Exception):
    """A run cannot go on from what is in its folder; the message says why and what to do."""


@dataclass
class Progress:
    """What the loop remembers between epochs, besides weights, optimiser and generator."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float = float("-inf")
    validations_without_best: int = 0
    halvings: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def check_folder(run: Path, resume: bool) -> None:
    """Make sure that a run may start, or go on, in this folder.

    Raises:
        ResumeError: a finished run is in it, or one that was not asked to be resumed, or none that could be, or it is
            a file.
    """
    if run.exists() and not run.is_dir():
        raise ResumeError(f"{run} is a file; a run needs a folder")
    if (run / CHECKPOINT).exists():
        raise ResumeError(f"{run} holds a finished run; choose another folder")
    if resume and not (run / STATE).is_file():
        raise ResumeError(f"{run} holds no {STATE} to resume from; start without --resume")
    if not resume and (run / STATE).exists():
        raise ResumeError(f"{run} holds a run already; add --resume to go on with it, or choose another folder")


def fingerprint_of(config: TrainingConfig, dataset: IndexedDataset, warm_starts: Sequence[dict[str, Any]] = ()) -> str:
    """Give a digest of settings, data and warm starts: what a resumed run must have in common with the stopped one.

    Settings that came later are left out where they have their default: runs that were stopped before can go on.
    """
    settings = config.model_dump(mode="json")
    if settings["optimiser"]["rows"] == "all":
        del settings["optimiser"]["rows"]
    parts = [settings, dataset.content_hash, *warm_starts]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save_state(
    run: Path, fingerprint: str, model: nn.Module, optimiser: Optimizer, generator: Generator, progress: Progress
) -> None:
    """Write everything that the next epoch depends on; the old state stays until the new one is complete."""
    tensors = {f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        for name, tensor in state.items():
            tensors[f"optimiser.{index}.{name}"] = tensor.detach().cpu().contiguous()
    tensors["generator"] = generator.get_state().cpu()
    values = {**vars(progress), "best_value": None if progress.best_epoch == 0 else progress.best_value}
    temporary = run / f".{STATE}.partial"
    metadata = {"fingerprint": fingerprint, "device": generator.device.type, "progress": json.dumps(values)}
    save_file(tensors, temporary, metadata=metadata)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(run / STATE)


def load_state(run: Path, fingerprint: str, model: nn.Module, optimiser: Optimizer, generator: Generator) -> Progress:
    """Bring model, optimiser and generator back to the last complete epoch.

    Raises:
        ResumeError: the state is cut, or of other settings, data or warm starts, or of another kind of device.
    """
    path = run / STATE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        values, device = json.loads(metadata["progress"]), metadata["device"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ResumeError(f"{path} cannot be read: {error}; start again in an empty folder") from error
    if metadata["fingerprint"] != fingerprint:
        raise ResumeError(
            f"{path} belongs to other settings or another data set or warm start; start again in an empty folder"
        )
    if device != generator.device.type:  # the two draw other numbers, and their states do not fit each other
        raise ResumeError(f"{path} was made on {device}; go on with --device {device}")
    model.load_state_dict(_under("model.", tensors))
    state = optimiser.state_dict()
    for name, tensor in _under("optimiser.", tensors).items():
        index, key = name.split(".", 1)
        state["state"].setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict(state)
    generator.set_state(tensors["generator"])
    values["best_value"] = float("-inf") if values["best_value"] is None else values["best_value"]
    return Progress(**values)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def all_finite(model: nn.Module) -> str | None:
    """Name the first parameter that is not finite, or None."""
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return name
    return None
