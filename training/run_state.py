"""Where a run stands after an epoch: one file, replaced in one step, from which a killed run goes on unchanged."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from models.checkpoint import MANIFEST, VOCABULARIES, WEIGHTS, read_manifest
from training.config import TrainingConfig
from training.data.indexed import IndexedDataset
from training.distributed.processes import ALONE, Processes
from training.distributed.whole import like, own_part, whole_state

STATE, CHECKPOINT, HISTORY = "state.safetensors", "checkpoint", "history.json"
_WRITTEN_AT_THE_END = (HISTORY, "report.html", "pictures")
_OF_A_CHECKPOINT = {MANIFEST, WEIGHTS, *(f"{name}.json" for name in VOCABULARIES)}


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

    Before its first state a run leaves best epochs alone. Plain files, such as logs, may stand beside, unless the run
    would write over them.

    Raises:
        ResumeError: a finished run is in it, or one that was not asked to be resumed, or none that could be, or
            something that is of no run, or it is a file.
    """
    if run.exists() and not run.is_dir():
        raise ResumeError(f"{run} is a file; a run needs a folder")
    if (run / CHECKPOINT).exists():
        raise ResumeError(f"{run} holds a finished run; choose another folder")
    if resume and not (run / STATE).is_file():
        raise ResumeError(f"{run} holds no {STATE} to resume from; start without --resume")
    if not resume and (run / STATE).exists():
        raise ResumeError(f"{run} holds a run already; add --resume to go on with it, or choose another folder")
    if not resume and run.exists() and (others := sorted(p.name for p in run.iterdir() if not _may_stand_there(p))):
        raise ResumeError(
            f"{run} is not empty: {others[0]} is there, of no run that could go on; choose another folder"
        )


def _may_stand_there(path: Path) -> bool:
    if path.is_dir():
        return is_best_epoch(path) or bool(re.fullmatch(r"\.best-\d{4,}\.\d+\.partial", path.name))
    return path.name not in _WRITTEN_AT_THE_END


def is_best_epoch(path: Path) -> bool:
    """Whether it is the checkpoint of an epoch that was the best once, by its name and by all that is in it.

    Some of its files may be gone: a run may have been killed while it removed them.
    """
    if not re.fullmatch(r"best-\d{4,}", path.name) or path.is_symlink() or not path.is_dir():
        return False
    return {file.name for file in path.iterdir()} <= _OF_A_CHECKPOINT


def ended_before(run: Path) -> tuple[int, list[dict[str, Any]]] | None:
    """Give the best epoch and the history of a run that has ended with a checkpoint, or None."""
    if not (run / CHECKPOINT).is_dir():
        return None
    return read_manifest(run / CHECKPOINT)["epoch"], json.loads((run / HISTORY).read_text(encoding="utf-8"))


def fingerprint_of(config: TrainingConfig, dataset: IndexedDataset, warm_starts: Sequence[dict[str, Any]] = ()) -> str:
    """Give a digest of settings, data and warm starts: what a resumed run must have in common with the stopped one.

    Settings that came later are left out where they have their default: runs that were stopped before can go on.
    """
    settings = config.model_dump(mode="json")
    if settings["optimiser"]["rows"] == "all":
        del settings["optimiser"]["rows"]
    if settings["data_shards"] == 1:
        del settings["data_shards"]
    parts = [settings, dataset.content_hash, *warm_starts]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save_state(
    run: Path,
    fingerprint: str,
    model: nn.Module,
    optimiser: Optimizer,
    generator: Generator,
    progress: Progress,
    processes: Processes = ALONE,
) -> None:
    """Write everything that the next epoch depends on; the old state stays until the new one is complete.

    The first of several processes writes, tables as a whole: any number of processes can go on with it.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, parameter in enumerate(model.parameters()):
        for name, tensor in optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser.{index}.{name}"] = tensor
    tensors["generator"] = generator.get_state()
    whole = whole_state(tensors, processes)
    values = {**vars(progress), "best_value": None if progress.best_epoch == 0 else progress.best_value}
    metadata = {"fingerprint": fingerprint, "device": generator.device.type, "progress": json.dumps(values)}
    processes.first(lambda: _write(run, whole, metadata))


def _write(run: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    temporary = run / f".{STATE}.partial"
    save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, temporary, metadata=metadata)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(run / STATE)


def load_state(
    run: Path,
    fingerprint: str,
    model: nn.Module,
    optimiser: Optimizer,
    generator: Generator,
    processes: Processes = ALONE,
) -> Progress:
    """Bring model, optimiser and generator back to the last complete epoch; the first of several processes reads.

    Raises:
        ResumeError: the state is cut, or of other settings, data or warm starts, or of another kind of device.
    """
    tensors: dict[str, Tensor] = {}

    def read() -> tuple[dict[str, Any], dict[str, tuple[torch.Size, torch.dtype]]]:
        values, found = _read(run / STATE, fingerprint, generator.device.type)
        tensors.update(found)
        return values, {name: (tensor.shape, tensor.dtype) for name, tensor in found.items()}

    values, kinds = processes.first(read)
    parameters = list(model.parameters())
    places = {p: k for k, p in enumerate(p for group in optimiser.param_groups for p in group["params"])}
    of_model, state = model.state_dict(), optimiser.state_dict()
    for name, (shape, dtype) in kinds.items():
        tensor = tensors.pop(name) if name in tensors else torch.empty(shape, dtype=dtype)
        processes.copy_(tensor)
        kind, _, rest = name.partition(".")
        if kind == "model":
            of_model[rest] = like(tensor, of_model[rest])
        elif kind == "optimiser":
            index, _, key = rest.partition(".")
            parameter = parameters[int(index)]
            kept = like(tensor, parameter) if tensor.shape == parameter.shape else tensor
            state["state"].setdefault(places[parameter], {})[key] = kept
        else:
            generator.set_state(tensor)
    model.load_state_dict(of_model)
    optimiser.load_state_dict(state)
    return Progress(**{**values, "best_value": float("-inf") if values["best_value"] is None else values["best_value"]})


def _read(path: Path, fingerprint: str, device: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what the loop remembers, and the tensors, from a state that this run can go on with."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        values, found = json.loads(metadata["progress"]), metadata["device"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ResumeError(f"{path} cannot be read: {error}; start again in an empty folder") from error
    if metadata["fingerprint"] != fingerprint:
        raise ResumeError(
            f"{path} belongs to other settings or another data set or warm start; start again in an empty folder"
        )
    if found != device:  # the two draw other numbers, and their states do not fit each other
        raise ResumeError(f"{path} was made on {found}; go on with --device {found}")
    return values, tensors


def all_finite(model: nn.Module, processes: Processes = ALONE) -> str | None:
    """Name the first parameter that is not finite, on any of the processes, or None."""
    named = list(model.named_parameters())
    flags = torch.stack([~torch.isfinite(own_part(parameter)).all() for _, parameter in named])
    broken = processes.total(flags.int()).nonzero()
    return named[int(broken[0])][0] if len(broken) else None
