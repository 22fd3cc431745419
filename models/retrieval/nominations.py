"""What an index is asked, and what it answers: candidates, and how near anything that it left out may be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.preferences import Strategy
from models.retrieval.items import Users

Excluded = Sequence[NDArray[np.int64]]
"""For each user the item rows that may not be named, in any order."""


class UnusableIndex(Exception):
    """An index file is missing, cut, no index, or of another model; the message says which and what to do."""


class UnreadableIndex(UnusableIndex):
    """A file of FAISS that this FAISS cannot read: cut, no index, or written by a later one."""


@dataclass(frozen=True)
class IndexShape:
    """What an index must have in common with the model that it nominates for."""

    n_preferences: int
    n_items: int
    embedding_size: int
    norm: str
    items_hash: str

    @classmethod
    def of(cls, model: Any, items_hash: str) -> "IndexShape":
        """Read it off a preference model; `items_hash` is that of the item vocabulary."""
        c = model.config
        return cls(model.n_preferences, model.n_items, c.embedding_size, c.norm, items_hash)


@dataclass(frozen=True)
class Nominations:
    """What (B,) users may like: item rows (B, m), -1 where empty, repeats allowed; bounds (B,).

    No item that is neither named nor excluded is nearer to the user than the bound; an infinite one says that none is
    left. Of an index that proves nothing, a finite bound says nothing. `rough` ones are many and were not measured by
    the model's distance: `Searcher` does that before it decides.
    """

    rows: NDArray[np.int64]
    bounds: NDArray[np.float64]
    rough: bool = False


class Nominator(Protocol):
    """An index: it nominates, `Searcher` decides. Immutable, so threads share it."""

    shape: IndexShape

    def proves(self, strategy: Strategy) -> bool:
        """Tell whether finite bounds hold under that strategy."""
        ...

    def nominate(self, users: Users, m: int, least: int, excluded: Excluded) -> Nominations:
        """Name about m items for each of the (B,) users, never an excluded one.

        `least` is the effort that was found to be needed when the release was made, where finite bounds do not hold.
        """
        ...


def pairs_of(excluded: Excluded) -> tuple[Tensor, Tensor]:
    """Give (position of the user, item row) of all that is excluded."""
    counts = np.array([len(rows) for rows in excluded], dtype=np.int64)
    rows = np.concatenate([np.empty(0, np.int64), *excluded])
    return torch.from_numpy(np.repeat(np.arange(len(counts)), counts)), torch.from_numpy(rows)


def nearest(distances: Tensor, m: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the columns of the m least of (B, n) distances, -1 where infinite, and the distance of the last, (B,).

    Where no more than m columns are finite, that distance is infinite: none is left.
    """
    m = min(m, distances.shape[1])
    values, columns = distances.topk(min(m + 1, distances.shape[1]), dim=1, largest=False)
    left = values.shape[1] > m
    bounds = values[:, -1].to(torch.float64) if left else torch.full((len(values),), math.inf, dtype=torch.float64)
    return torch.where(values.isinf(), -1, columns)[:, :m].numpy(), bounds.numpy()
