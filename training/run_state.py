"""Where a run stands after an epoch: one file, replaced in one step, from which a killed run goes on unchanged."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

STATE = "state.safetensors"


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
    history: list[dict[str, Any]] = field(default_factory=list)


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
    save_file(tensors, temporary, metadata={"fingerprint": fingerprint, "progress": json.dumps(values)})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(run / STATE)


def load_state(run: Path, fingerprint: str, model: nn.Module, optimiser: Optimizer, generator: Generator) -> Progress:
    """Bring model, optimiser and generator back to the last complete epoch.

    Raises:
        ResumeError: no state, a cut one, or one of other settings or another data set.
    """
    path = run / STATE
    if not path.is_file():
        raise ResumeError(f"{run} holds no {STATE} to resume from; start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        values = json.loads(metadata["progress"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ResumeError(f"{path} cannot be read: {error}; start again in an empty folder") from error
    if metadata["fingerprint"] != fingerprint:
        raise ResumeError(f"{path} belongs to other settings or another data set; start again in an empty folder")
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
