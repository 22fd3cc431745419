"""Items in cells of near ones: the model measures the cells' centres, and all items of the nearest cells.

What an inverted file does, but with the model's own distance in place of the one to a query vector: whatever
preferences a pair mixes, and under L1 too, cells and items are ranked by what the model would say of them. One copy of
the items (models/retrieval/items.py), sorted by cell. Nothing is proven; recall is measured when a release is made.
"""

import math
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.preferences import PreferenceSpace, Strategy
from models.retrieval.items import ItemTable, Users
from models.retrieval.nominations import Excluded, IndexShape, Nominations, nearest

SAMPLE, ROUNDS = 50, 8
"""Items of a cell that centres are learnt from, and rounds of k-means."""
MEASURED, FEW = 16, 512
"""Of so many items that are looked at one is measured by the model, and so few always; the others are estimated."""
BATCH = 1 << 16
"""Items that are put into their cells at a time."""

Progress = Callable[[int, int], None]
"""Is told how many items are in their cells, of how many."""


class ItemCells:
    """`order` (n,) item rows sorted by cell, `starts` (cells + 1,) where each begins, `centres` as a table."""

    def __init__(self, table: ItemTable, centres: ItemTable, order: Tensor, starts: Tensor, shape: IndexShape) -> None:
        self.table, self.centres, self.order, self.starts, self.shape = table, centres, order, starts, shape
        self._starts: NDArray[np.int64] = starts.numpy().astype(np.int64)
        self._places = np.empty(len(order), dtype=np.int32)
        self._places[order.numpy()] = np.arange(len(order), dtype=np.int32)

    @classmethod
    @torch.no_grad()
    def build(cls, model: Any, items_hash: str, progress: Progress = lambda done, of: None) -> "ItemCells":
        """Sort the items of a preference model into some 2 sqrt(n) cells, by k-means in squared L2; seeded."""
        vectors, space = model.item_vectors().cpu(), model.space
        points = vectors.float().contiguous().numpy()
        centres = _centres(points, max(1, min(len(points), round(2 * math.sqrt(len(points))))))
        cell_of = _assigned(points, centres, progress)
        order = np.argsort(cell_of, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(cell_of, minlength=len(centres)))])
        table = ItemTable.of(vectors, space).take(torch.from_numpy(order))
        return cls(
            table,
            _table_of(centres, space),
            torch.from_numpy(order.astype(np.int32)),
            torch.from_numpy(starts.astype(np.int32)),
            IndexShape.of(model, items_hash),
        )

    def proves(self, strategy: Strategy) -> bool:
        """A cell that was not looked at may hold anything: never."""
        return False

    def nominate(self, users: Users, m: int, least: int, excluded: Excluded) -> Nominations:
        """Name the m nearest of at least `least` items in the nearest cells, the excluded ones not counted."""
        to_cells = self.centres.distances(users).numpy()
        found = [self._of_one(users[k : k + 1], to_cells[k], m, least, excluded[k]) for k in range(len(users))]
        width = max((len(rows) for rows, _ in found), default=0)
        rows = np.full((len(users), width), -1, dtype=np.int64)
        for k, (some, _) in enumerate(found):
            rows[k, : len(some)] = some
        return Nominations(rows, np.array([bound for _, bound in found]))

    def _of_one(
        self, user: Users, to_cells: NDArray[np.float32], m: int, least: int, excluded: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], float]:
        """Give the rows named for one user, and a bound; 0 where something was not measured."""
        order = np.argsort(to_cells, kind="stable")
        wanted = max(m, least) + len(excluded)
        n_cells = min(len(order), int(np.searchsorted(np.cumsum(np.diff(self._starts)[order]), wanted)) + 1)
        cells = np.sort(order[:n_cells])
        spans = [slice(int(self._starts[c]), int(self._starts[c + 1])) for c in cells]
        places = np.concatenate([np.arange(span.start, span.stop) for span in spans])
        open_ = np.ones(len(places), dtype=np.bool_)
        out = self._places[excluded].astype(np.int64)
        at = np.minimum(np.searchsorted(places, out), len(places) - 1)
        open_[at[places[at] == out]] = False
        kept = np.flatnonzero(open_)
        if user.space.norm == "l2" and user.space.strategy == "soft":
            estimates = self._estimates(user, spans, torch.from_numpy(to_cells[cells]), torch.from_numpy(cells))
            shortlist, _ = nearest(estimates[:, kept], max(m, FEW, len(places) // MEASURED))
            kept = np.sort(kept[shortlist[0][shortlist[0] >= 0]])
        columns, bounds = nearest(self.table.take(torch.from_numpy(places[kept])).distances(user), m)
        named = places[kept[columns[0][columns[0] >= 0]]]
        whole = n_cells == len(order) and len(kept) == open_.sum()
        return self.order.numpy()[named].astype(np.int64), float(bounds[0]) if whole else 0.0

    def _estimates(self, user: Users, spans: list[slice], to_cells: Tensor, cells: Tensor) -> Tensor:
        """Estimate the squared L2 of every item of the cells under soft induction; (1, n).

        What preferences add to |u - i|^2 changes little within a cell and is taken from its centre, which leaves one
        product of each item with the user. Hard induction jumps, and L1 does not split so.
        """
        u = user.vectors[0]
        added = to_cells - (self.centres.vectors[cells] - u).square().sum(1)
        products = torch.cat([torch.mv(self.table.vectors[span], u) for span in spans])
        squares = torch.cat([self.table.squares[span] for span in spans])
        sizes = torch.tensor([span.stop - span.start for span in spans])
        return (squares - 2.0 * products + u.square().sum() + added.repeat_interleave(sizes)).unsqueeze(0)


def _table_of(centres: NDArray[np.float32], space: PreferenceSpace) -> ItemTable:
    vectors = torch.from_numpy(centres).to(space.preferences.dtype)
    return ItemTable.of(vectors, space)


def _centres(points: NDArray[np.float32], n_cells: int) -> NDArray[np.float32]:
    means: Any = faiss.Kmeans(
        points.shape[1], n_cells, niter=ROUNDS, seed=1, max_points_per_centroid=SAMPLE, min_points_per_centroid=1
    )
    means.train(points)
    centres: NDArray[np.float32] = means.centroids.reshape(n_cells, -1)
    return centres


def _assigned(points: NDArray[np.float32], centres: NDArray[np.float32], progress: Progress) -> NDArray[np.int64]:
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(centres)
    found = np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), BATCH):
        found[start : start + BATCH] = index.search(points[start : start + BATCH], 1)[1][:, 0]
        progress(min(start + BATCH, len(points)), len(points))
    return found
