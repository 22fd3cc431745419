"""The exact top N: every item is scored, excluded ones are left out, equal scores keep the order of the vocabulary."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.geometry import GRID_ELEMENTS
from models.interface import ItemScorer


@dataclass(frozen=True)
class RowLists:
    """A list of columns for each row, as compressed sparse rows: row k holds columns[starts[k]:starts[k + 1]]."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of_pairs(cls, pairs: NDArray[np.int64], n_rows: int) -> "RowLists":
        """Gather (n, 2) row, column pairs, in any order; columns come out sorted, repeats once."""
        rows, columns = pairs.reshape(-1, 2).T
        width = int(columns.max(initial=0)) + 1
        keys = np.sort(rows * width + columns)  # one number a pair sorts many times faster than pairs do
        distinct = keys[np.diff(keys, prepend=-1) != 0]
        counts = np.bincount(distinct // width, minlength=n_rows)
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), distinct % width)

    def __getitem__(self, row: int) -> NDArray[np.int64]:
        return self.columns[self.starts[row] : self.starts[row + 1]]

    def pairs_of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give (position in `rows`, column) of every column of those rows, without a Python loop."""
        counts = self.starts[rows + 1] - self.starts[rows]
        positions = np.repeat(np.arange(len(rows)), counts)
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return positions, self.columns[np.repeat(self.starts[rows], counts) + offsets]


def best_columns(scores: Tensor, n: int) -> Tensor:
    """Give the (B, min(n, columns)) best columns of (B, columns) scores, best first, ties in column order."""
    n = min(n, scores.shape[1])
    values, columns = scores.topk(min(n + 1, scores.shape[1]), dim=1)  # one more tells whether the cut splits a tie
    crowded = (values[:, n:] == values[:, n - 1 : n]).any(dim=1)
    columns = columns[:, :n].sort(dim=1).values
    order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True).indices
    best = columns.gather(1, order)
    if bool(crowded.any()):
        best[crowded] = scores[crowded].sort(dim=1, descending=True, stable=True).indices[:, :n]
    return best


@torch.no_grad()
def top_n(
    model: ItemScorer,
    users: NDArray[np.int64],
    n: int,
    excluded: RowLists | None = None,
    device: torch.device | str = "cpu",
    chunk_elements: int = GRID_ELEMENTS,
) -> NDArray[np.int64]:
    """Rank all items for each of the (B,) user rows, leaving out each user's excluded items.

    Returns:
        (B, min(n, n_items)) item rows, best first; -1 where fewer items remain than places.

    Raises:
        FloatingPointError: a score is not a number, with the row of the user.

    Memory: some ten temporaries of `chunk_elements` numbers, never users x items x d.
    """
    size = max(1, chunk_elements // max(1, model.n_items * _numbers_a_pair(model)))
    pieces = [_top_of(model, users[k : k + size], n, excluded, device) for k in range(0, len(users), size)]
    return np.concatenate(pieces) if pieces else np.empty((0, min(n, model.n_items)), np.int64)


def _numbers_a_pair(model: ItemScorer) -> int:
    """Tell how many numbers a model holds for each pair that it scores.

    One for each preference, but for the mixture of squared L2, which works through blocks of its own.
    """
    config = getattr(model, "config", None)
    if getattr(config, "strategy", None) == "soft" and getattr(config, "norm", None) == "l2":
        return 1
    return int(getattr(model, "n_preferences", 1))


def _top_of(
    model: ItemScorer, users: NDArray[np.int64], n: int, excluded: RowLists | None, device: torch.device | str
) -> NDArray[np.int64]:
    scores = model.score_items(torch.from_numpy(users).to(device))
    # A sum over infinite scores of both signs is no number either: whether a score is none is looked at again.
    if bool(torch.isnan(scores.sum(1)).any()) and bool((unsound := torch.isnan(scores).any(dim=1)).any()):
        raise FloatingPointError(f"the scores of user row {users[int(unsound.nonzero()[0])]} are not all numbers")
    if excluded is not None:
        rows, columns = excluded.pairs_of(users)
        scores[torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)] = float("-inf")
    best = best_columns(scores, n)
    found: Tensor = torch.where(scores.gather(1, best).isneginf(), -1, best)
    return found.cpu().numpy()
