"""An epoch's order over rows in shards: each shard is shuffled for itself, and gives its part of every batch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

SEEDS = 1 << 62


@dataclass(frozen=True)
class ShardedOrder:
    """Passes over rows of which shard s has counts[s], while those of the shards `held` are here.

    `total` adds a tensor up over all processes; every row is held by one of them. The order depends on the counts and
    on the generator, which begins alike on all processes, and never on who holds what.
    """

    counts: NDArray[np.int64]
    held: range
    total: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return int(self.counts.sum())

    def passes(self, rows: Tensor, batch_size: int, generator: Generator) -> Iterator[Tensor]:
        """Yield the rows of all shards, `batch_size` at a time; (m, k) `rows` are those held, shard by shard.

        One number is drawn for the seeds of all shards, so no process has to draw or keep the order of those of others.
        """
        seed = int(torch.randint(SEEDS, (), generator=generator, device=rows.device))
        firsts = np.cumsum([0, *self.counts[self.held.start : self.held.stop]])
        orders = {
            s: firsts[k] + _permutation(int(self.counts[s]), seed + s, rows.device) for k, s in enumerate(self.held)
        }
        taken = np.zeros_like(self.counts)
        while (left := self.counts - taken).any():
            parts = portions(left, batch_size)
            edges = np.cumsum([0, *parts])
            batch = rows.new_zeros(int(edges[-1]), *rows.shape[1:])
            for s, order in orders.items():
                batch[edges[s] : edges[s + 1]] = rows[order[taken[s] : taken[s] + parts[s]]]
            taken += parts
            # Mixed, as a block of several batches is cut, and a batch shared out, from its first row on.
            yield self.total(batch)[torch.randperm(len(batch), generator=generator, device=rows.device)]


def _permutation(n: int, seed: int, device: torch.device) -> Tensor:
    return torch.randperm(n, generator=Generator(device).manual_seed(seed), device=device)


def portions(left: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Give what each shard adds to a batch of `size`, or of all that is left: in proportion to what each has left.

    What rounding leaves goes to the largest remainders, the first of equal ones.

    >>> portions(np.array([5, 3, 2]), 4)
    array([2, 1, 1])
    """
    of = int(left.sum())
    size = min(size, of)
    found = left * size // of
    rest = left * size - found * of
    found[np.argsort(-rest, kind="stable")[: size - int(found.sum())]] += 1
    return found
