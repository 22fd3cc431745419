"""A step over whole tables: gradient, clipped, optimiser, constraint. `training/touched.py` has the other kind."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from training.comparisons import Batches
from training.distributed.gradients import GradientSum
from training.touched_rows import TouchedRows


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
    """Steps that walk through every table of the model.

    Where several processes train, `gradients` adds theirs up, at the rows that a batch touches.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: Optimizer,
        clip_norm: float | None,
        gradients: GradientSum | None = None,
    ) -> None:
        self._model, self._optimiser, self._clip_norm, self._gradients = model, optimiser, clip_norm, gradients
        self._touched = TouchedRows(model) if gradients is not None else None
        self._rows: Mapping[int, Tensor] | None = None

    def open(self, batches: Batches) -> tuple[Any, Batches]:
        """Give the model itself."""
        self._rows = self._touched.by_table(batches) if self._touched is not None else None
        return self._model, batches

    def take(self, loss: Tensor) -> None:
        """Take the step."""
        step_down(loss, self._model, self._optimiser, self._clip_norm, self._gradients, self._rows)

    def settle(self) -> None:
        """Nothing: every step leaves all weights up to date."""


def step_down(
    loss: Tensor,
    model: Any,
    optimiser: Optimizer,
    clip_norm: float | None,
    gradients: GradientSum | None = None,
    rows: Mapping[int, Tensor] | None = None,
) -> None:
    """Move a model down the gradient of a loss, at most `clip_norm` long, and constrain it.

    With `gradients` the loss is this process's share, and the gradient is that of all of them (`rows` as there).
    """
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if gradients is not None:
        gradients.over(model.parameters(), rows)
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimiser.step()
    model.constrain_()
