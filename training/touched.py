"""Steps over the rows that a batch touches, worth the same steps over whole tables.

A step over whole tables moves each row by its momentum, however long ago a batch gathered it: j steps after step t

    Adam:     lr sqrt(1 - b2^s) / (1 - b1^s) b1^j m / (b2^(j/2) sqrt(v) + eps),   s = t + j
    Adagrad:  nothing

with m and v as step t left them. So a row can be left alone until it is gathered again, if it is first moved by the sum

    m / (sqrt(v) + eps) D(age),   D(age) = sum over the last `age` steps of lr sqrt(1 - b2^s) / (1 - b1^s) r^j

where r = b1 / sqrt(b2) < 1, and m and v have decayed by b1^age and b2^age. Once all is settled, the weights are those
of whole steps, but for eps, which does not grow as v decays, and for the constraint, applied once to the sum. Weight
decay c x is treated as if it stayed what it is while a row waits, and were small beside what gradients have left in v.
D is kept for AGES steps: r^AGES is nothing in float32.

The rows are copied into small tables of a small model of the same class, which trains like any other, and back.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from training.comparisons import Batches
from training.distributed.gradients import GradientSum
from training.steps import step_down
from training.touched_rows import SmallModel, put_rows, tables_of

AGES = 256


class TouchedSteps:
    """The steps of one epoch over the rows of users, items and entities that its batches touch."""

    def __init__(
        self, model: nn.Module, optimiser: Optimizer, clip_norm: float | None, gradients: GradientSum | None = None
    ) -> None:
        self._clip_norm, self._optimiser, self._gradients = clip_norm, optimiser, gradients
        self._tables = {name: _Table(table, optimiser) for name, table in tables_of(model).items()}
        self._model, self._small = model, SmallModel(model)
        others = list(self._small.others.values())
        self._small_optimiser = type(optimiser)(others or [_none()], **_options(optimiser))
        self._small_optimiser.state = optimiser.state

    def open(self, batches: Batches) -> tuple[Any, Batches]:
        """Copy what the batches touch, up to date, into the small model; give it, and the batches in its rows."""
        small = self._small
        self._opened = small.touch(batches)
        small.hold({name: self._tables[name].open(small.touched.of(name)) for name in self._opened})
        small.model.constrain_()
        return small.model, small.placed(batches)

    def take(self, loss: Tensor) -> None:
        """Take the step with the small model, and copy its rows back."""
        group = self._small_optimiser.param_groups[0]
        group["lr"] = self._optimiser.param_groups[0]["lr"]
        group["params"] = [*self._small.others.values(), *(self._tables[name].part for name in self._opened)]
        step_down(loss, self._small.model, self._small_optimiser, self._clip_norm, self._gradients)
        for name in self._opened:
            self._tables[name].close(group["lr"])
        self._small.let_go()

    def settle(self) -> None:
        """Move every row by what it is still owed."""
        for table in self._tables.values():
            table.settle()
        self._model.constrain_()  # type: ignore[operator]


class _Table:
    """A table, what the optimiser remembers of each of its rows, and up to which step each row is moved."""

    part: nn.Parameter

    def __init__(self, whole: nn.Parameter, optimiser: Optimizer) -> None:
        self.whole, self._optimiser, self._memory = whole, optimiser, optimiser.state[whole]
        if not self._memory:
            self._memory |= {"step": torch.zeros((), device=whole.device)}
            self._memory |= {name: torch.zeros_like(whole) for name in ("exp_avg", "exp_avg_sq")}
        self._debt = _Debt(optimiser, int(self._memory["step"]), whole.device) if isinstance(optimiser, Adam) else None
        self._moved = torch.zeros(len(whole), dtype=torch.int64, device=whole.device)

    def open(self, rows: Tensor) -> nn.Parameter:
        """Copy rows out, moved and decayed by the steps since they were last touched; the optimiser finds them."""
        self._rows, values = rows, self.whole.detach().index_select(0, rows)
        self._taken = {name: m.index_select(0, rows) for name, m in self._memory.items() if name != "step"}
        if self._debt is not None:
            self._debt.pay(values, self._taken, self._moved[rows])
        self.part = nn.Parameter(values)
        self._optimiser.state[self.part] = {"step": self._memory["step"], **self._taken}
        return self.part

    def close(self, rate: float) -> None:
        """Copy the rows back after a step of this rate, and note what all others are owed by it."""
        del self._optimiser.state[self.part]
        if self._debt is not None and self.part.grad is not None:  # whole steps, too, leave a table without a gradient
            self._debt.grow(rate)
        put_rows(self.whole.detach(), self._rows, self.part.detach())
        for name, taken in self._taken.items():
            put_rows(self._memory[name], self._rows, taken)
        if self._debt is not None:
            self._moved[self._rows] = self._debt.steps

    def settle(self) -> None:
        """Move all rows up to this step."""
        if self._debt is not None:
            self._debt.pay(self.whole.detach(), self._memory, self._moved)
            self._moved.fill_(self._debt.steps)


class _Debt:
    """What Adam's later steps owe to rows that none of them has touched, by the number of steps that they were taken.

    `steps` counts from the beginning of the epoch. By age, `_sums` are sums of rates weighted by r^j and by b1^j.
    """

    def __init__(self, optimiser: Adam, taken: int, device: torch.device) -> None:
        group = optimiser.param_groups[0]
        self._beta1, self._beta2 = map(float, group["betas"])
        self._eps, self._decay, self._taken, self.steps = group["eps"], group["weight_decay"], taken, 0
        bases = torch.tensor([[self._beta1 / self._beta2**0.5], [self._beta1]], dtype=torch.float64, device=device)
        self._powers = bases ** torch.arange(1, AGES, device=device)
        self._sums = torch.zeros(2, AGES, dtype=torch.float64, device=device)
        self._rates = torch.zeros(1, dtype=torch.float64, device=device)

    def grow(self, rate: float) -> None:
        """Add a step of this rate."""
        self.steps += 1
        s = self._taken + self.steps
        corrected = rate * (1 - self._beta2**s) ** 0.5 / (1 - self._beta1**s)
        self._sums[:, 1:] = torch.add(self._sums[:, :-1], self._powers, alpha=corrected)
        if self._decay:
            self._rates = torch.cat([self._rates, self._rates[-1:] + corrected])

    def pay(self, values: Tensor, memory: Mapping[str, Tensor], moved: Tensor) -> None:
        """Move (n, d) values, and let their moments decay, by the steps since `moved` (n,)."""
        mean, square, ages = memory["exp_avg"], memory["exp_avg_sq"], (self.steps - moved).unsqueeze(1)
        sums = self._sums[:, ages.clamp_max(AGES - 1)].to(values.dtype)
        first, second = self._beta1**ages, self._beta2**ages
        pulled = self._pull(values, square, moved, sums[1], second) if self._decay else None
        values.addcdiv_(mean * sums[0], square.sqrt().add_(self._eps), value=-1.0)
        mean.mul_(first)
        square.mul_(second)
        if pulled is not None:
            values.sub_(pulled)
            mean.addcmul_(self._decay * values, 1 - first)

    def _pull(self, values: Tensor, square: Tensor, moved: Tensor, begun: Tensor, second: Tensor) -> Tensor:
        """Give by how much weight decay moves rows that wait: its own momentum begins anew, at sums of b1^j less."""
        pull = self._decay * values
        rates = (self._rates[-1] - self._rates[moved]).unsqueeze(1).to(values.dtype) - begun
        root = torch.addcmul(square, pull * pull, 1 - second).sqrt_().add_(self._eps)
        pulled: Tensor = pull * rates / root
        return pulled


def _none() -> nn.Parameter:
    return nn.Parameter(torch.zeros(0))


def _options(optimiser: Optimizer) -> dict[str, Any]:
    group = optimiser.param_groups[0]
    return {name: group[name] for name in ("lr", "weight_decay", "fused")}
