"""Outside baselines as item scorers: EASE (closed form), and ALS of the library `implicit`.

    X (n_users, n_items), 1 where the pair stands in train;  G = X'X
    EASE           P = (G + lambda I)^-1;  B_ij = -P_ij / P_jj, B_jj = 0;  y(u, i) = sum_j X_uj B_ji
    ALS            y(u, i) = u . i;  min sum c_ui (x_ui - u . i)^2 + regularisation (sum |u|^2 + sum |i|^2),
                   c_ui = alpha where x_ui = 1, else 1

Sources: EASE: Steck, WWW 2019. ALS: Hu, Koren and Volinsky, ICDM 2008, as `implicit` solves it. Higher is better.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.retrieval.ranking import RowLists
from training.data.indexed import IndexedDataset

USERS_AT_ONCE = 1024


class Histories:
    """The matrix X of a data set's training pairs, handed out in dense rows."""

    def __init__(self, dataset: IndexedDataset) -> None:
        self.n_users, self.n_items = len(dataset.users), len(dataset.items)
        self.lists = RowLists.of_pairs(dataset.interactions["train"], self.n_users)

    def rows(self, users: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Give X for (B,) user rows; returns (B, n_items)."""
        x = torch.zeros(len(users), self.n_items, dtype=dtype)
        positions, items = self.lists.pairs_of(users.numpy())
        x[torch.from_numpy(positions), torch.from_numpy(items)] = 1.0
        return x

    def gram(self) -> Tensor:
        """Give G = X'X, how many users have both items; (n_items, n_items) float64, whole numbers."""
        gram = torch.zeros(self.n_items, self.n_items, dtype=torch.float64)
        for first in range(0, self.n_users, USERS_AT_ONCE):
            x = self.rows(torch.arange(first, min(first + USERS_AT_ONCE, self.n_users)))
            gram += x.T @ x  # float32 counts up to 2^24 exactly, and no piece has more users than USERS_AT_ONCE
        return gram


class EASE:
    """One matrix of item-to-item weights, solved in one step. Memory: about 24 n_items^2 bytes while it is solved."""

    def __init__(self, dataset: IndexedDataset, regularisation: float) -> None:
        self.histories = Histories(dataset)
        self.n_users, self.n_items = self.histories.n_users, self.histories.n_items
        self.weights = ease_weights(self.histories.gram(), regularisation).to(torch.float32)

    def score_items(self, users: Tensor) -> Tensor:
        """Score every item for (B,) user rows; returns (B, n_items)."""
        return self.histories.rows(users) @ self.weights


def ease_weights(gram: Tensor, regularisation: float) -> Tensor:
    """Give B of EASE for an (n, n) float64 Gram matrix; the diagonal of the answer is 0.

    Raises:
        ValueError: the regularisation is not above 0, so that G + lambda I need not have an inverse.

    >>> ease_weights(torch.tensor([[1.0, 1.0], [1.0, 2.0]], dtype=torch.float64), 1.0).tolist()
    [[0.0, 0.5], [0.3333333333333333, 0.0]]
    """
    if regularisation <= 0:
        raise ValueError(f"the regularisation of EASE must be above 0, got {regularisation}")
    inverse: Tensor = torch.linalg.inv(gram + regularisation * torch.eye(len(gram), dtype=gram.dtype))
    return (inverse / -inverse.diagonal()).fill_diagonal_(0.0)


class ALS:
    """Matrix factorisation by alternating least squares; training is the library's own."""

    def __init__(self, dataset: IndexedDataset, threads: int = 1, seed: int = 0, **settings: Any) -> None:
        """Fit; `settings` are those of implicit: factors, regularization, alpha, iterations."""
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix
        from threadpoolctl import threadpool_limits

        self.n_users, self.n_items = len(dataset.users), len(dataset.items)
        pairs = dataset.interactions["train"]
        values = (np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1]))
        with threadpool_limits(1, "blas"):  # the library has threads of its own; both kinds at once slow it down
            model = AlternatingLeastSquares(num_threads=threads, random_state=seed, **settings)
            model.fit(csr_matrix(values, shape=(self.n_users, self.n_items)), show_progress=False)
        self._users, self._items = (torch.from_numpy(np.asarray(t)) for t in (model.user_factors, model.item_factors))

    def score_items(self, users: Tensor) -> Tensor:
        """Score every item for (B,) user rows; returns (B, n_items)."""
        return self._users[users] @ self._items.T
