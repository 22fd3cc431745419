"""A step over whole tables: gradient, clipped, optimiser, constraint. `training/touched.py` has the other kind."""

from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

Batches = tuple[Any, Any]
"""What a step takes of interactions, and of triples: a `Comparison` each, or None."""


class Steps(Protocol):
    """How the steps of an epoch are taken: `open` a batch, score it with the model given, `take` the step."""

    def open(self, batches: Batches) -> tuple[Any, Batches]:
        """Give a model and the batches in the rows of that model."""
        ...

    def take(self, loss: Tensor) -> None:
        """Move the weights down the gradient of a loss of that model, and back to where they are allowed to be."""
        ...

    def settle(self) -> None:
        """Bring every weight up to date, at the end of an epoch."""
        ...


class WholeSteps:
    """Steps that walk through every table of the model."""

    def __init__(self, model: nn.Module, optimiser: Optimizer, clip_norm: float | None) -> None:
        self._model, self._optimiser, self._clip_norm = model, optimiser, clip_norm

    def open(self, batches: Batches) -> tuple[Any, Batches]:
        """Give the model itself."""
        return self._model, batches

    def take(self, loss: Tensor) -> None:
        """Take the step."""
        step_down(loss, self._model, self._optimiser, self._clip_norm)

    def settle(self) -> None:
        """Nothing: every step leaves all weights up to date."""


def step_down(loss: Tensor, model: Any, optimiser: Optimizer, clip_norm: float | None) -> None:
    """Move a model down the gradient of a loss, at most `clip_norm` long, and constrain it."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimiser.step()
    model.constrain_()
