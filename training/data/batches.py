"""Rows of a split in a new order each epoch, cut into batches on the device: no loop over rows, no worker process."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor


def n_batches(n_rows: int, batch_size: int) -> int:
    """Count the batches of one pass, the last one perhaps smaller."""
    return -(-n_rows // batch_size)


def shuffled(rows: Tensor, batch_size: int, generator: Generator) -> Iterator[Tensor]:
    """Yield each row of (n, k) `rows` once, in random order, at most `batch_size` at a time."""
    order = torch.randperm(len(rows), generator=generator, device=rows.device)
    for start in range(0, len(rows), batch_size):
        yield rows[order[start : start + batch_size]]


def endless(rows: Tensor, batch_size: int, generator: Generator) -> Iterator[Tensor]:
    """Pass through the rows again and again."""
    while True:
        yield from shuffled(rows, batch_size, generator)
