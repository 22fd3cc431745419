"""The answers of queries among given facts: which entities stand as tails of (h, r, ?), or as heads of (?, r, t)."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.retrieval.roles import Side

Rows = NDArray[np.int64]
IntegerRows = NDArray[np.int64] | NDArray[np.int32]
GIVEN: Mapping[Side, int] = {"tail": 0, "head": 2}
"""The column of a triple that is given where a side is asked for."""


class Answers:
    """(n, 3) head, relation, tail rows, in any order, looked up by query; repeats count once.

    A query is (given entity, relation) and the side that is asked for. Memory is a few numbers for each fact, whatever
    the number of entities and relations.
    """

    def __init__(self, triples: IntegerRows, n_relations: int) -> None:
        self.triples = _distinct(triples.reshape(-1, 3))
        self._n_relations = n_relations
        self._sides: dict[Side, tuple[Rows, Rows]] = {}

    def __len__(self) -> int:
        return len(self.triples)

    def queries(self, side: Side) -> Rows:
        """Give the (n, 2) distinct queries that have an answer, sorted: given entity, relation."""
        keys = np.unique(self._side(side)[0])
        return np.stack([keys // self._n_relations, keys % self._n_relations], axis=1)

    def counts(self, side: Side, queries: Rows) -> Rows:
        """Count the answers of (B, 2) queries; returns (B,)."""
        start, end = self._places(side, queries)
        return end - start

    def pairs_of(self, side: Side, queries: Rows) -> tuple[Rows, Rows]:
        """Give (position in `queries`, entity row) of every answer of (B, 2) queries, without a Python loop."""
        start, end = self._places(side, queries)
        counts = end - start
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(np.arange(len(queries)), counts), self._side(side)[1][np.repeat(start, counts) + offsets]

    def tensor(self) -> Tensor:
        """Give the triples as (n, 3) int32, to be stored."""
        return torch.from_numpy(self.triples.astype(np.int32))

    def _side(self, side: Side) -> tuple[Rows, Rows]:
        """Give the keys of the queries, sorted, and the answers beside them; made at the first need, then kept."""
        if side not in self._sides:
            given, asked = GIVEN[side], 2 - GIVEN[side]
            keys = self.triples[:, given].astype(np.int64) * self._n_relations + self.triples[:, 1]
            order = np.argsort(keys, kind="stable")  # the triples are sorted: within a query the answers stay so
            self._sides[side] = keys[order], self.triples[order, asked].astype(np.int64)
        return self._sides[side]

    def _places(self, side: Side, queries: Rows) -> tuple[Rows, Rows]:
        keys, wanted = self._side(side)[0], queries[:, 0] * self._n_relations + queries[:, 1]
        return np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")


def _distinct(triples: IntegerRows) -> IntegerRows:
    """Sort (n, 3) triples and leave repeats out: each as one number, which sorts many times faster than rows do.

    What is so already, as stored triples are, is given back as it is: a mapped file stays one.
    """
    n_relations, n_tails = (int(column.max(initial=0)) + 1 for column in triples.T[1:])
    keys = (triples[:, 0].astype(np.int64) * n_relations + triples[:, 1]) * n_tails + triples[:, 2]
    if bool((keys[1:] > keys[:-1]).all()):
        return triples
    keys.sort()
    keys = keys[np.r_[True, keys[1:] != keys[:-1]]]
    pairs, tails = np.divmod(keys, n_tails)
    return np.stack([*np.divmod(pairs, n_relations), tails], axis=1)
