"""What one of several processes takes of each batch: all of them draw it, and each scores its own rows of it.

A loss is a mean over the rows of the whole batch. Each process gives the sum over its own rows, divided by what the
rows of all of them weigh (`total`): its share of the loss. The shares, and so their gradients, add up to those of one
process with the same batch, whatever the rows weigh and however unevenly they fall.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator, Tensor

from models.noise import Noise, RowsOfNoise


def _alone(weight: Tensor) -> Tensor:
    return weight


@dataclass(frozen=True)
class Share:
    """The part of process `rank` among `of`; `total` gives the sum of a number over all processes, without a gradient.

    Every process has to ask for the same totals in the same order.
    """

    rank: int = 0
    of: int = 1
    total: Callable[[Tensor], Tensor] = _alone

    def rows(self, n: int) -> slice:
        """Give the rows of `n` that are this process's own: as many as the others have, or one more or less.

        >>> [Share(rank, 3).rows(8) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(self.rank * n // self.of, (self.rank + 1) * n // self.of)

    def noise(self, generator: Generator, rows: slice, of: int, repeats: int = 1) -> Noise:
        """Give the numbers that a generator draws for `rows` of `of`, which are scored `repeats` times in one call."""
        return generator if self.of == 1 else RowsOfNoise(generator, rows, of, repeats)


WHOLE = Share()
"""The share of a process that is alone."""
