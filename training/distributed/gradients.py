"""Gradients of shares of a batch, added up over all processes, so that each of them takes the step of the whole batch.

Plain all-reduce, not DistributedDataParallel: a step's loss comes from several calls of a model and none of `forward`;
touched rows are new tensors at each step; and DDP would send tables whole, where a batch moves few of their rows. All
processes draw the same batch, so all know which rows those are, and no index is sent.
"""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, distributed, nn

from training.touched_rows import put_rows


class GradientSum:
    """Adds gradients up over all processes; `sent` counts the bytes that each of them has put in."""

    def __init__(self) -> None:
        self.sent = 0

    def over(self, parameters: Iterable[nn.Parameter], rows: Mapping[int, Tensor] | None = None) -> None:
        """Replace the gradients of parameters by their sums; those without a gradient have none anywhere.

        `rows`: by the `id` of a table, the (n,) rows outside of which its gradient is 0 in every process.
        """
        moved = [(parameter, (rows or {}).get(id(parameter))) for parameter in parameters]
        parts = [(p.grad, only) for p, only in moved if p.grad is not None]
        if not parts:
            return
        # Everything at once: a message for each tensor would cost a wait for each.
        together = torch.cat([(g if only is None else g.index_select(0, only)).reshape(-1) for g, only in parts])
        distributed.all_reduce(together)
        self.sent += together.numel() * together.element_size()
        start = 0
        for gradient, only in parts:
            shape = (gradient.shape[0] if only is None else len(only), *gradient.shape[1:])
            end = start + math.prod(shape)
            summed, start = together[start:end].view(shape), end
            gradient.copy_(summed) if only is None else put_rows(gradient, only, summed)
