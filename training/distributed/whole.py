"""Sharded tensors (DTensor) as wholes: brought together on the first process, and taken apart again.

DTensor is loaded where a table is sharded, and nowhere else: it takes a second.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, distributed

from training.distributed.processes import Processes


def is_sharded(tensor: Tensor) -> bool:
    """Tell whether a tensor lies on several processes."""
    return hasattr(tensor, "device_mesh")


def own_part(tensor: Any) -> Tensor:
    """Give what of a tensor lies on this process."""
    part: Tensor = tensor.to_local() if is_sharded(tensor) else tensor
    return part


def whole_state(tensors: Mapping[str, Tensor], processes: Processes, everywhere: bool = False) -> dict[str, Tensor]:
    """Bring the sharded ones of named tensors together in the main memory of the first process; empty on the others.

    With `everywhere` they have them, too. What is not sharded is alike on all. Every process has to ask.
    """
    found = {name: _gathered(t, processes, everywhere) if is_sharded(t) else t for name, t in tensors.items()}
    asked = processes.leads or everywhere
    return {name: tensor for name, tensor in found.items() if tensor is not None} if asked else {}


def like(whole: Tensor, placed: Any) -> Tensor:
    """Give what of a whole tensor is this process's own, if `placed`, which has its shape, is sharded; else all."""
    if not is_sharded(placed):
        return whole
    from training.distributed.tables import own_rows

    return own_rows(whole, placed.device_mesh, placed.device)


def _gathered(tensor: Any, processes: Processes, everywhere: bool) -> Tensor | None:
    own = own_part(tensor).detach().cpu()
    rows = -(-len(tensor) // processes.size)  # the last stretches may be shorter, and messages may not
    sent = own.new_zeros(rows, *own.shape[1:])
    sent[: len(own)] = own
    received = [torch.empty_like(sent) for _ in range(processes.size)] if processes.leads or everywhere else None
    if everywhere:
        distributed.all_gather(received, sent)
    else:
        distributed.gather(sent, received, dst=0)
    return None if received is None else torch.cat(received)[: len(tensor)]
