"""Which pairs or triples are known: sorted integer keys, one binary search a question, on any device."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LARGEST_KEY = 2**63 - 1


class KnownSet:
    """A set of tuples of rows, each folded into one int64 key: key = (a * size_b + b) * size_c + c ...

    Memory is 8 bytes a known tuple.
    """

    def __init__(self, tuples: NDArray[np.int64], sizes: tuple[int, ...], device: torch.device) -> None:
        """Hold (n, k) tuples whose columns lie below `sizes`.

        Raises:
            ValueError: the product of the sizes does not fit in 63 bits.
        """
        if math.prod(max(1, s) for s in sizes) > LARGEST_KEY:
            raise ValueError(f"a table of {' x '.join(map(str, sizes))} cells has no 63-bit keys")
        self._sizes = sizes
        columns = [torch.from_numpy(np.ascontiguousarray(tuples[:, k])) for k in range(len(sizes))]
        keys = torch.unique(self._keys(*columns)) if len(tuples) else torch.empty(0, dtype=torch.int64)
        sentinel = torch.full((1,), LARGEST_KEY, dtype=torch.int64)
        self._known = torch.cat([keys, sentinel]).to(device)

    def contains(self, *columns: Tensor) -> Tensor:
        """Tell for each broadcast tuple of int64 columns whether it is known; returns bool of that shape."""
        keys = self._keys(*columns)
        return self._known[torch.searchsorted(self._known, keys)] == keys

    def _keys(self, *columns: Tensor) -> Tensor:
        keys = columns[0]
        for column, size in zip(columns[1:], self._sizes[1:], strict=True):
            keys = keys * size + column
        return keys
