"""What a person's history says of their preferences: the weights that the scorer itself uses for each item of it.

The weight of preference k is the mean of a_k over the history, its share sum |a_k| over the sum of all |a|; behind it
stand the items of the history where |a_k| is largest. Nothing is estimated beside the model.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.catalogue import Catalogue


@dataclass(frozen=True)
class PreferenceProfile:
    """One preference of a person.

    `behind` are item rows of the history, heaviest first, ties in row order, and `behind_weights` their weights; an
    item whose weight is 0, as most are in hard induction, does not stand behind it.
    """

    preference: int
    weight: float
    share: float
    behind: tuple[int, ...]
    behind_weights: tuple[float, ...]


@torch.no_grad()
def preference_profile(
    catalogue: Catalogue, user: Tensor, history: NDArray[np.int64], multipliers: Tensor | None = None, behind: int = 5
) -> list[PreferenceProfile]:
    """Give the preferences of a (d,) person by share, largest first, with at most `behind` items for each.

    An empty history gives none. `multipliers` steer as in scoring.
    """
    rows = np.unique(history)
    if not len(rows):
        return []
    weights = catalogue.part(torch.from_numpy(rows)).weights(user, multipliers).numpy()
    sizes = np.abs(weights)
    shares = sizes.sum(0) / (sizes.sum() or 1.0)
    order = np.argsort(-shares, kind="stable")
    return [_of(int(k), weights[:, k], float(shares[k]), rows, behind) for k in order]


def _of(k: int, weights: NDArray[np.float64], share: float, rows: NDArray[np.int64], behind: int) -> PreferenceProfile:
    heaviest = [int(h) for h in np.argsort(-np.abs(weights), kind="stable")[:behind] if weights[h] != 0]
    items, of_items = tuple(rows[heaviest].tolist()), tuple(weights[heaviest].tolist())
    return PreferenceProfile(k, float(weights.mean()), share, items, of_items)
