"""Top N through an index: it nominates, the model re-scores and decides.

Each index tells a bound: no item that it left out is nearer. Once the bound lies beyond the N-th best re-scored
distance, no item can be missing; until then twice as many are nominated. So a scan of all items is exact, and so
are flat indexes under hard induction (docs/decisions/0003-exact-search.md). Cells and codes prove nothing: how many of
the true first 10 they find is measured when a release is made, and how many items are looked at is chosen by it
(training/release.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.retrieval.items import ItemTable, Users
from models.retrieval.nominations import Excluded, Nominations, Nominator, nearest
from models.retrieval.pairs import in_blocks, scored

SLACK = 1e-4
"""Relative room for float32 rounding in an index when its distances are held against the model's float64."""
SHARP = 0.1
"""Temperature below which rounding of logits, which it divides, asks for more room."""


@dataclass(frozen=True)
class Ranking:
    """(n,) item rows, best first, ties in vocabulary order, and their scores."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


class Searcher:
    """Answers for one model and its index. Thread-safe: nothing in it changes."""

    def __init__(self, model: Any, index: Nominator, nominate: int) -> None:
        """`nominate` is how many items are looked at where the index proves nothing; otherwise it finds its own."""
        self._model, self.index, self.nominate = model, index, nominate
        config = model.config
        self._exact = index.proves(config.strategy)
        self._slack = SLACK * max(1.0, SHARP / config.temperature)

    def search(self, user_row: int, n: int, excluded: NDArray[np.int64]) -> Ranking:
        """Give the best n items that are not excluded; fewer where fewer remain.

        Items whose score is not finite are left out.
        """
        return self.search_many(np.array([user_row]), n, [excluded])[0]

    @torch.no_grad()
    def search_many(self, user_rows: NDArray[np.int64], n: int, excluded: Excluded) -> list[Ranking]:
        """Answer (B,) users at once, each as `search` would; `excluded` holds the item rows of each.

        Raises:
            ValueError: not as many lists of excluded rows as users.
            IndexError: a row is outside the vocabulary.
        """
        if len(user_rows) != len(excluded):
            raise ValueError(f"{len(user_rows)} users, but excluded items of {len(excluded)}")
        found: list[Ranking] = [Ranking(np.empty(0, np.int64), np.empty(0))] * len(user_rows)
        n_items = self.index.shape.n_items
        waiting, m = np.arange(len(user_rows) if n_items and n > 0 else 0), min(n_items, n + max(6, n // 2))
        while len(waiting):
            rows, lists = user_rows[waiting], [excluded[k] for k in waiting.tolist()]
            users = Users.of(self._model, torch.from_numpy(rows))
            named = self.index.nominate(users, m, self.nominate, lists)
            named = self._measured(users, named, m) if named.rough else named
            rankings = self._decided(rows, named, n)
            for k, ranking in zip(waiting, rankings, strict=True):
                found[k] = ranking
            if m >= n_items:
                break
            waiting, m = waiting[~self._complete(named, rankings, n)], min(n_items, 2 * m)
        return found

    def _measured(self, users: Users, named: Nominations, m: int) -> Nominations:
        """Of what was named roughly, keep the m nearest of each user by the model's distance in float32."""
        rows = np.full((len(users), min(m, named.rows.shape[1])), -1, dtype=np.int64)
        for k, some in enumerate(named.rows):
            some = np.unique(some[some >= 0])
            if len(some) > m:
                vectors = self._model.item_vectors(torch.from_numpy(some))
                distances = ItemTable.of(vectors, self._model.space).distances(users[k : k + 1])
                some = some[nearest(distances, m)[0][0]]
            rows[k, : len(some)] = some
        return Nominations(rows, named.bounds)

    def _complete(self, named: Nominations, rankings: Sequence[Ranking], n: int) -> NDArray[np.bool_]:
        full = np.array([len(ranking.rows) == n for ranking in rankings])
        worst = np.array([-ranking.scores[-1] if len(ranking.rows) else 0.0 for ranking in rankings])
        beyond = named.bounds > worst + self._slack * (1.0 + worst)
        complete: NDArray[np.bool_] = np.isinf(named.bounds) | (full & (beyond | (not self._exact)))
        return complete

    def _decided(self, user_rows: NDArray[np.int64], named: Nominations, n: int) -> list[Ranking]:
        """Rank what was named for (B,) users by the model's own scores and keep the best n of each."""
        n_items = self.index.shape.n_items
        owners, places = np.nonzero(named.rows >= 0)
        keys = np.unique(owners * n_items + named.rows[owners, places])
        owners, items = keys // n_items, keys % n_items
        scores = self._scores(user_rows[owners], items)
        sound = np.isfinite(scores)
        owners, items, scores = owners[sound], items[sound], scores[sound]
        order = np.lexsort((items, -scores, owners))
        items, scores = items[order], scores[order]
        edges = np.searchsorted(owners, np.arange(len(user_rows) + 1))
        cuts = [slice(start, min(start + n, end)) for start, end in pairwise(edges)]
        return [Ranking(items[cut], scores[cut]) for cut in cuts]

    def _scores(self, user_rows: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score (m,) pairs by the model's literal equation; returns (m,) float64."""
        return in_blocks(self._model, user_rows, items, scored)[:, 0]

    def rescore(self, user_row: int, candidates: NDArray[np.int64], n: int) -> Ranking:
        """Rank (m,) sorted candidate rows by the model's own score and keep the best n."""
        scores = self._scores(np.full_like(candidates, user_row), candidates)
        candidates, scores = candidates[np.isfinite(scores)], scores[np.isfinite(scores)]
        best = np.argsort(-scores, kind="stable")[:n]
        return Ranking(candidates[best], scores[best])

    def brute_force(self, user_row: int, n: int, excluded: NDArray[np.int64]) -> Ranking:
        """Rank every item that is not excluded: what `search` is measured against."""
        return self.rescore(user_row, np.setdiff1d(np.arange(self.index.shape.n_items), excluded), n)
