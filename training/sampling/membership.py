"""Which pairs or triples are known: a bitmap where it is small, else sorted integer keys; on any device.

Where a batch asks about the same few entities in every row, the lists of what is known of each row answer faster.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.retrieval.answers import Answers
from models.retrieval.roles import Side

LARGEST_KEY = 2**63 - 1
BITMAP_CELLS = 1 << 26
"""Up to this many cells (64 MiB, a byte each) a bitmap answers, some ten times faster than a binary search."""


class KnownSet:
    """A set of tuples of rows, each folded into one int64 key: key = (a * size_b + b) * size_c + c ...

    Memory is a byte for each possible tuple, up to BITMAP_CELLS of them, else 8 bytes for each known one.
    """

    def __init__(self, tuples: NDArray[np.int64], sizes: tuple[int, ...], device: torch.device) -> None:
        """Hold (n, k) tuples whose columns lie below `sizes`.

        Raises:
            ValueError: the product of the sizes does not fit in 63 bits.
        """
        cells = math.prod(max(1, s) for s in sizes)
        if cells > LARGEST_KEY:
            raise ValueError(f"a table of {' x '.join(map(str, sizes))} cells has no 63-bit keys")
        self._sizes = sizes
        columns = [torch.from_numpy(np.ascontiguousarray(tuples[:, k])) for k in range(len(sizes))]
        keys = torch.unique(self._keys(*columns)) if len(tuples) else torch.empty(0, dtype=torch.int64)
        sentinel = torch.full((1,), LARGEST_KEY, dtype=torch.int64)
        self._known = torch.cat([keys, sentinel]).to(device)
        self._bitmap: Tensor | None = None
        if cells <= BITMAP_CELLS:
            self._bitmap = torch.zeros(cells, dtype=torch.bool)
            self._bitmap[keys] = True
            self._bitmap = self._bitmap.to(device)

    def contains(self, *columns: Tensor) -> Tensor:
        """Tell for each broadcast tuple of int64 columns whether it is known; returns bool of that shape."""
        keys = self._keys(*columns)
        if self._bitmap is not None:
            return self._bitmap[keys]
        return self._known[torch.searchsorted(self._known, keys)] == keys

    def _keys(self, *columns: Tensor) -> Tensor:
        keys = columns[0]
        for column, size in zip(columns[1:], self._sizes[1:], strict=True):
            keys = keys * size + column
        return keys


class KnownFacts:
    """The known tails of each (head, relation) and the known heads of each (relation, tail), as lists."""

    def __init__(self, triples: NDArray[np.int64], n_entities: int, n_relations: int) -> None:
        """Hold (n, 3) head, relation, tail rows."""
        self._n_entities, self._n_relations = n_entities, n_relations
        self._answers = Answers(triples, n_relations)

    def as_tails(self, heads: Tensor, relations: Tensor, entities: Tensor) -> Tensor:
        """Tell which of the (K,) entities are known tails of each of the (B,) queries; returns (B, K) bool."""
        return self._marked("tail", heads, relations, entities)

    def as_heads(self, relations: Tensor, tails: Tensor, entities: Tensor) -> Tensor:
        """Tell which of the (K,) entities are known heads of each of the (B,) queries; returns (B, K) bool."""
        return self._marked("head", tails, relations, entities)

    def _marked(self, side: Side, given: Tensor, relations: Tensor, entities: Tensor) -> Tensor:
        """Look each distinct query up once, so that no more is read than there are facts, however often one stands."""
        keys, of_key = torch.unique(given * self._n_relations + relations, return_inverse=True)
        drawn, of_drawn = torch.unique(entities, return_inverse=True)
        column_of = np.full(self._n_entities, -1, dtype=np.int64)
        column_of[drawn.cpu().numpy()] = np.arange(len(drawn))
        queries = torch.stack([keys // self._n_relations, keys % self._n_relations], dim=1)
        positions, known = self._answers.pairs_of(side, queries.cpu().numpy())
        columns = column_of[known]
        marked = np.zeros((len(keys), len(drawn)), dtype=np.bool_)
        marked[positions[columns >= 0], columns[columns >= 0]] = True
        return torch.from_numpy(marked).to(entities.device)[of_key][:, of_drawn]
