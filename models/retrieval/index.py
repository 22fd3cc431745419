"""One FAISS index for each preference, over the items projected on that preference's hyperplane.

    x_k(i) = i - (w_k . i) w_k        stored, for preference k
    q_k = x_k(u) + p_k                asked
    |q_k - x_k(i)| = g(u, i; p_k)     what FAISS measures: L1, or squared L2

So the neighbours in index k are the items that would be nearest if every item induced preference k. Ids are dense item
rows; FAISS only nominates, and what is served is re-scored by the model (models/retrieval/search.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry import project

DESCRIPTION = "index.json"
METRICS: Mapping[str, int] = {"l1": faiss.METRIC_L1, "l2": faiss.METRIC_L2}


class UnusableIndex(Exception):
    """An index file is missing, cut, no index, or of another model; the message says which and what to do."""


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


class PreferenceIndex:
    """P flat indexes of n_items vectors each: P x n_items x d x 4 bytes. Immutable once made."""

    def __init__(self, indexes: list[Any], shape: IndexShape) -> None:
        self._indexes = indexes
        self.shape = shape

    @classmethod
    @torch.no_grad()
    def build(cls, model: Any, items_hash: str) -> "PreferenceIndex":
        """Project every item on every hyperplane of a preference model, and index what comes out."""
        shape, items = IndexShape.of(model, items_hash), model.item_vectors()
        indexes = []
        for normal in model.space.normals:
            index = faiss.IndexFlat(shape.embedding_size, METRICS[shape.norm])
            index.add(project(items, normal).to(torch.float32).cpu().numpy())
            indexes.append(index)
        return cls(indexes, shape)

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the n nearest items of each of the (P, d) queries, each in its own index.

        Returns:
            (P, min(n, n_items)) distances, nearest first, and item rows.
        """
        n = min(n, self.shape.n_items)
        found = [index.search(queries[k : k + 1], n) for k, index in enumerate(self._indexes)]
        return np.concatenate([d for d, _ in found]), np.concatenate([rows for _, rows in found])

    def save(self, directory: Path) -> None:
        """Write one file for each preference and a description into a new directory."""
        directory.mkdir(parents=True)
        for k, index in enumerate(self._indexes):
            faiss.write_index(index, str(directory / _file(k)))
        (directory / DESCRIPTION).write_text(json.dumps(vars(self.shape), indent=2), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, expected: IndexShape) -> "PreferenceIndex":
        """Read an index and check that it belongs to the model described by `expected`.

        Raises:
            UnusableIndex: a file is missing, is no FAISS index, or does not fit.
        """
        try:
            shape = IndexShape(**json.loads((directory / DESCRIPTION).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UnusableIndex(f"{directory.name}/{DESCRIPTION} cannot be read: {error}") from error
        for name, value in vars(expected).items():
            if getattr(shape, name) != value:
                raise UnusableIndex(
                    f"the index has {name} {getattr(shape, name)!r}, the model {value!r}: build it again"
                )
        return cls([_read(directory / _file(k), shape) for k in range(shape.n_preferences)], shape)


def _file(preference: int) -> str:
    return f"preference-{preference:04d}.faiss"


def _read(path: Path, shape: IndexShape) -> Any:
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:200]
        raise UnusableIndex(f"{path.name} is no index that this FAISS can read ({reason}): build it again") from error
    found = (index.ntotal, index.d, index.metric_type)
    wanted = (shape.n_items, shape.embedding_size, METRICS[shape.norm])
    if found != wanted:
        raise UnusableIndex(f"{path.name} holds (items, dimension, metric) {found}, expected {wanted}: build it again")
    return index
