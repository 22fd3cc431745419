"""Where random numbers come from: a generator, or the part of its numbers that falls to some rows of a batch.

Processes that share a batch draw the numbers of all its rows from generators in the same state, and keep those of their
own rows: together they draw what one process draws.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class RowsOfNoise:
    """A generator's numbers for `rows` of a batch of `of` rows, which is scored `repeats` times in one call."""

    generator: Generator
    rows: slice
    of: int
    repeats: int = 1


Noise = Generator | RowsOfNoise


def exponential_like(x: Tensor, noise: Noise) -> Tensor:
    """Draw a standard exponential number for each of x (B, ...).

    The numbers of all `repeats` x `of` rows are drawn, and held for the moment; x are `repeats` times the chosen ones.
    """
    if isinstance(noise, Generator):
        return torch.empty_like(x).exponential_(generator=noise)
    whole = x.new_empty(noise.repeats, noise.of, *x.shape[1:]).exponential_(generator=noise.generator)
    return whole[:, noise.rows].reshape(x.shape)
