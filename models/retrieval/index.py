"""One FAISS index for each preference, over the items projected on that preference's hyperplane.

    x_k(i) = i - (w_k . i) w_k        stored, for preference k
    q_k = x_k(u) + p_k                asked
    |q_k - x_k(i)| = g(u, i; p_k)     what FAISS measures: L1, or squared L2

So the neighbours in index k are the items that would be nearest if every item induced preference k. P copies of the
items: what releases of format 1 hold, and what a GPU can search (models/retrieval/gpu.py). Ids are dense item rows.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry import project
from models.preferences import Strategy
from models.retrieval.gpu import searched_where_fastest
from models.retrieval.items import Users
from models.retrieval.nominations import Excluded, IndexShape, Nominations, UnreadableIndex, UnusableIndex, pairs_of

METRICS: Mapping[str, int] = {"l1": faiss.METRIC_L1, "l2": faiss.METRIC_L2}
BLAS_FROM = 1600
"""Queries x dimension from which FAISS takes matrix products; its own 128,000 leaves batches some five times slower."""


class PreferenceIndex:
    """P flat indexes of n_items vectors each: P x n_items x d x 4 bytes. Immutable once made."""

    def __init__(self, indexes: Sequence[Any], shape: IndexShape) -> None:
        self._indexes, self.shape = list(indexes), shape
        self._searched = searched_where_fastest(self._indexes)
        faiss.cvar.distance_compute_blas_threshold = BLAS_FROM

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

    def proves(self, strategy: Strategy) -> bool:
        """An item stands at its true distance in the index of the one preference that it induces: hard induction."""
        return strategy == "hard"

    def nominate(self, users: Users, m: int, least: int, excluded: Excluded) -> Nominations:
        """Name the m nearest of every index; `least` at the least under soft induction."""
        space, n_items = users.space, self.shape.n_items
        m = min(n_items, m if self.proves(space.strategy) else max(m, least))
        queries = project(users.vectors.unsqueeze(1), space.normals) + space.preferences
        distances, rows = self.search(queries.numpy(), m)
        named = rows.reshape(len(users), -1)
        owners, items = (part.numpy() for part in pairs_of(excluded))
        keys = np.arange(len(users))[:, None] * n_items + named
        named = np.where(np.isin(keys, owners * n_items + items), -1, named)
        bounds = distances[:, :, -1].min(axis=1) if m < n_items else np.full(len(users), math.inf)
        return Nominations(named, bounds.astype(np.float64))

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the n nearest items of each of the (B, P, d) queries, each in the index of its preference.

        Returns:
            (B, P, min(n, n_items)) distances, nearest first, and item rows.
        """
        n = min(n, self.shape.n_items)
        found = [self._searched(k, np.ascontiguousarray(queries[:, k]), n) for k in range(len(self._indexes))]
        return np.stack([d for d, _ in found], axis=1), np.stack([rows for _, rows in found], axis=1)

    def save(self, directory: Path) -> None:
        """Write one file for each preference into a directory."""
        for k, index in enumerate(self._indexes):
            faiss.write_index(index, str(directory / _file(k)))

    @classmethod
    def load(cls, directory: Path, shape: IndexShape) -> "PreferenceIndex":
        """Map the files of such indexes into memory, so that processes share them.

        Raises:
            UnreadableIndex: a file is missing, or is no index that this FAISS can read.
        UnusableIndex: it does not fit the shape.
        """
        return cls([_read(directory / _file(k), shape) for k in range(shape.n_preferences)], shape)


def _file(preference: int) -> str:
    return f"preference-{preference:04d}.faiss"


def _read(path: Path, shape: IndexShape) -> Any:
    # FAISS before 1.11 has no flag that maps flat indexes.
    flags = getattr(faiss, "IO_FLAG_MMAP_IFC", 0)
    try:
        index = faiss.read_index(str(path), flags)
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:200]
        raise UnreadableIndex(f"{path.name} is no index that this FAISS can read ({reason}): build it again") from error
    found = (index.ntotal, index.d, index.metric_type)
    wanted = (shape.n_items, shape.embedding_size, METRICS[shape.norm])
    if found != wanted:
        raise UnusableIndex(f"{path.name} holds (items, dimension, metric) {found}, expected {wanted}: build it again")
    return index
