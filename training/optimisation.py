"""The optimiser of a run, and the learning rate that it takes a step with."""

import math
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from training.config import OptimiserSettings
from training.distributed.whole import is_sharded


def new_optimiser(model: nn.Module, settings: OptimiserSettings) -> Optimizer:
    """Make an optimiser without a memory; `learning_rate` says what it steps with."""
    kind: type[torch.optim.Adam | torch.optim.Adagrad]
    kind = torch.optim.Adam if settings.name == "adam" else torch.optim.Adagrad
    plain, sharded = ([p for p in model.parameters() if is_sharded(p) == wanted] for wanted in (False, True))
    groups: list[dict[str, Any]] = [{"params": plain}] if plain else []
    if sharded:  # a fused step takes tensors of one kind, and DTensor knows that of Adam alone
        groups.append({"params": sharded, "fused": settings.name == "adam"})
    return kind(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)


def learning_rate(settings: OptimiserSettings, done: float, halvings: int) -> float:
    """Give the learning rate after a share `done` of the longest run and so many halvings.

    >>> [learning_rate(OptimiserSettings(learning_rate=0.8, schedule="cosine"), done, 0) for done in (0.0, 0.5)]
    [0.8, 0.4]
    >>> learning_rate(OptimiserSettings(learning_rate=0.8, schedule="halving"), 0.5, 2)
    0.2
    """
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * done))
    return rate * 0.5**halvings if settings.schedule == "halving" else rate
