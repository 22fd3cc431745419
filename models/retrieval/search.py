"""Top N through the index: the preferences' indexes nominate, the model re-scores and decides.

Hard induction is exact. An item that induces preference k and is not among the m nearest of index k lies at least as
far as the farthest of those m. Once that holds for every k beyond the N-th best re-scored distance, no item can be
missing; until then m doubles.

Soft induction mixes the preferences of a pair, so no single index measures it: the m nearest of every index are
nominated and re-scored. How many of the true first 10 this finds is measured when a release is made, and m is chosen
by it (training/release.py).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry import project
from models.retrieval.index import PreferenceIndex

SLACK = 1e-4
"""Relative room for float32 rounding in FAISS when its distances are held against the model's float64."""


@dataclass(frozen=True)
class Ranking:
    """(n,) item rows, best first, ties in vocabulary order, and their scores."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


class Searcher:
    """Answers for one model and its index. Thread-safe: nothing in it changes."""

    def __init__(self, model: Any, index: PreferenceIndex, nominate: int) -> None:
        """`nominate` is m for soft induction; hard induction finds its own."""
        self._model, self._index, self._nominate = model, index, nominate
        self._exact = model.config.strategy == "hard"

    @torch.no_grad()
    def search(self, user_row: int, n: int, excluded: NDArray[np.int64]) -> Ranking:
        """Give the best n items that are not excluded; fewer where fewer remain.

        Items whose score is not finite are left out.
        """
        queries, n_items = self._queries(user_row), self._index.shape.n_items
        m = min(n_items, 2 * n if self._exact else max(n, self._nominate))
        while True:
            distances, nominated = self._index.search(queries, m)
            ranking = self.rescore(user_row, np.setdiff1d(nominated, excluded), n)
            if m >= n_items or (len(ranking.rows) == n and self._complete(distances, ranking)):
                return ranking
            m = min(n_items, 2 * m)

    def _complete(self, distances: NDArray[np.float32], ranking: Ranking) -> bool:
        if not self._exact:
            return True
        worst = -ranking.scores[-1]
        return bool((distances[:, -1] > worst + SLACK * (1.0 + worst)).all())

    @torch.no_grad()
    def rescore(self, user_row: int, candidates: NDArray[np.int64], n: int) -> Ranking:
        """Rank (m,) sorted candidate rows by the model's own score and keep the best n."""
        items = torch.from_numpy(candidates)
        scores = self._model.score_pairs(torch.full_like(items, user_row), items).to(torch.float64).numpy()
        candidates, scores = candidates[np.isfinite(scores)], scores[np.isfinite(scores)]
        best = np.argsort(-scores, kind="stable")[:n]
        return Ranking(candidates[best], scores[best])

    def brute_force(self, user_row: int, n: int, excluded: NDArray[np.int64]) -> Ranking:
        """Rank every item that is not excluded: what `search` is measured against."""
        return self.rescore(user_row, np.setdiff1d(np.arange(self._index.shape.n_items), excluded), n)

    def _queries(self, user_row: int) -> NDArray[np.float32]:
        space = self._model.space
        user = self._model.user_vectors(torch.tensor([user_row]))
        queries: NDArray[np.float32] = (project(user, space.normals) + space.preferences).to(torch.float32).numpy()
        return queries
