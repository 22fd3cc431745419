"""Rows of a split in a new order each epoch, cut into batches on the device: no loop over rows, no worker process."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
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


def turns(n_recommendation: int, share: float) -> list[bool]:
    """Give the steps of an epoch with `n_recommendation` batches of interactions: True takes one, False one of triples.

    Of each ten steps the first are recommendation steps: those with step mod 10 < 10 share, as in the public code of
    Cao et al., WWW 2019. The last ten has as many as are left, and its graph steps all the same.

    >>> "".join("r" if turn else "g" for turn in turns(8, 0.5))
    'rrrrrgggggrrrggggg'
    """
    of_ten = sum(step < 10 * share - 1e-9 for step in range(10))
    steps: list[bool] = []
    for start in range(0, n_recommendation, of_ten):
        steps += [True] * min(of_ten, n_recommendation - start) + [False] * (10 - of_ten)
    return steps


def planned(n_rows: int, batch_size: int, tasks: tuple[bool, bool], share: float | None) -> list[tuple[bool, bool]]:
    """Tell for each step of an epoch over `n_rows` whether it takes interactions, and whether it takes triples.

    With a `share`, steps of the one kind and of the other take turns (see `turns`); without, each takes all `tasks`.

    >>> planned(5, 2, (True, True), None)
    [(True, True), (True, True), (True, True)]
    """
    steps = n_batches(n_rows, batch_size)
    return [tasks] * steps if share is None else [(turn, not turn) for turn in turns(steps, share)]


def sample(rows: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Draw at most `count` of the (n, k) rows without replacement, by the seed alone; they stay in their order."""
    if len(rows) <= count:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), count, replace=False))]
