"""Tables of users, items and entities whose rows lie on several processes, a stretch on each: DTensor, `Shard(0)`.

Each process holds, and steps, its own rows alone: their values, gradients and what the optimiser remembers of them. A
step gathers the rows that the batch touches into a small model, which is alike on all processes.

Rows are looked up here by hand: DTensor's own `embedding` gives gradients as large as the whole table on each process,
and takes twice as long (docs/decisions/0022-past-one-machine.md).
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Shard
from torch.optim import Optimizer

from training.comparisons import Batches
from training.distributed.gradients import GradientSum
from training.distributed.processes import Processes
from training.touched_rows import SmallModel, put_rows, tables_of, with_tables


def shard_tables(model: nn.Module, processes: Processes, device: torch.device) -> None:
    """Keep of each table of a model (on the CPU, alike on all processes) this process's rows alone, on its device."""
    mesh = init_device_mesh(device.type, (processes.size,))
    for name, table in tables_of(model).items():
        setattr(model, name, nn.Parameter(own_rows(table.detach(), mesh, device)))


class ShardedSteps:
    """Steps of a model with sharded tables: those of whole tables (`WholeSteps`), each row stepped by its owner."""

    def __init__(self, model: nn.Module, optimiser: Optimizer, clip_norm: float | None, gradients: GradientSum) -> None:
        self._optimiser, self._clip_norm, self._gradients = optimiser, clip_norm, gradients
        self._tables: dict[str, Any] = tables_of(model)
        self._stretches = {name: _Stretch(table) for name, table in self._tables.items()}
        self._small = SmallModel(model)
        own = {name: nn.Parameter(stretch.values) for name, stretch in self._stretches.items()}
        self._own = with_tables(model, own)  # where this process constrains its rows

    def open(self, batches: Batches) -> tuple[Any, Batches]:
        """Gather what the batches touch into the small model; give it, and the batches in its rows."""
        small = self._small
        self._opened = {name: small.touched.of(name) for name in small.touch(batches)}
        self._parts = {name: nn.Parameter(self._gather(name, rows)) for name, rows in self._opened.items()}
        small.hold(self._parts)
        return small.model, small.placed(batches)

    def take(self, loss: Tensor) -> None:
        """Take the step: every process with the rows that it holds, and with what all have."""
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        others = list(self._small.others.values())
        self._gradients.over([*others, *self._parts.values()])
        for name, part in self._parts.items():
            if part.grad is not None:
                self._tables[name].grad = self._stretches[name].gradient(self._opened[name], part.grad)
        if self._clip_norm is not None:
            _clip(others, list(self._parts.values()), list(self._tables.values()), self._clip_norm)
        self._optimiser.step()
        self._own.constrain_()
        self._small.let_go()
        self._parts = {}

    def settle(self) -> None:
        """Nothing: every step leaves all weights up to date."""

    def _gather(self, name: str, rows: Tensor) -> Tensor:
        values = self._stretches[name].rows(rows)
        distributed.all_reduce(values)
        self._gradients.sent += values.numel() * values.element_size()
        return values


class _Stretch:
    """This process's rows of a sharded table, from `first` on, as a plain tensor over the same memory."""

    def __init__(self, table: Any) -> None:
        self._table, self.values = table, table.to_local().detach()
        size = -(-len(table) // table.device_mesh.size())
        self.first = min(len(table), table.device_mesh.get_local_rank() * size)

    def rows(self, rows: Tensor) -> Tensor:
        """Give (n, d) rows of the table, zeros for those that lie elsewhere."""
        mine, own = self._mine(rows)
        found: Tensor = self.values.new_zeros(len(rows), *self.values.shape[1:])
        found[mine] = self.values.index_select(0, own)
        return found

    def gradient(self, rows: Tensor, summed: Tensor) -> DTensor:
        """Give the gradient of the table, of which (n, d) rows are given: sharded as the table is."""
        mine, own = self._mine(rows)
        local = torch.zeros_like(self.values)
        put_rows(local, own, summed[mine])
        mesh, placements = self._table.device_mesh, self._table.placements
        shape, stride = self._table.shape, self._table.stride()
        return DTensor.from_local(local, mesh, placements, run_check=False, shape=shape, stride=stride)

    def _mine(self, rows: Tensor) -> tuple[slice, Tensor]:
        """Find which of the ascending rows lie here, and where."""
        edges = torch.tensor([self.first, self.first + len(self.values)], device=rows.device)
        mine = slice(*torch.searchsorted(rows, edges).tolist())
        return mine, rows[mine] - self.first


def _clip(others: list[nn.Parameter], parts: list[nn.Parameter], tables: list[Any], most: float) -> None:
    """Shorten the gradient: its length is that of the parts, which hold all of a table's gradient that is not 0."""
    gradients = [p.grad for p in (*others, *parts) if p.grad is not None]
    length = nn.utils.get_total_norm(gradients)
    nn.utils.clip_grads_with_norm_(others, most, length)
    scale = (most / (length + 1e-6)).clamp_max(1.0)  # as clip_grads_with_norm_ has it
    for table in tables:
        if table.grad is not None:
            table.grad.to_local().mul_(scale)


def own_rows(whole: Tensor, mesh: DeviceMesh, device: torch.device) -> DTensor:
    """Shard a whole tensor, of which every process has a copy, by rows: each keeps its own, on its device."""
    size = -(-len(whole) // mesh.size())  # as Shard(0) has it
    first = mesh.get_local_rank() * size
    own = whole[first : first + size].to(device, copy=True)  # not a view: the rest of the whole can go
    return DTensor.from_local(own, mesh, [Shard(0)], run_check=False, shape=whole.shape, stride=whole.stride())
