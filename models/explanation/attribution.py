"""How much each preference had in a score: the weights that the scorer itself used, and what is left without the first.

Nothing is estimated: g is a function of the pair's preference weights, so the weights are read off, and masking a
preference means that induction may not choose it (its logit is -inf) and the pair is scored again.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.interface import PreferenceModel


@dataclass(frozen=True)
class PairAttributions:
    """For (B,) items of one user: (B, P) weights, (B,) scores, and (B,) scores without the heaviest preference."""

    weights: NDArray[np.float64]
    scores: NDArray[np.float64]
    scores_without_top: NDArray[np.float64]


@torch.no_grad()
def attribute(model: PreferenceModel, user_row: int, item_rows: NDArray[np.int64]) -> PairAttributions:
    """Attribute the scores of (B,) items of one user.

    A model with a single preference has nothing to fall back on: its score without the first is its score.

    Raises:
        IndexError: a row is outside its vocabulary.
    """
    items = torch.from_numpy(item_rows)
    users = torch.full_like(items, user_row)
    weights = model.preference_weights(users, items)
    scores = model.score_with_weights(users, items, weights)
    without = scores
    if model.n_preferences > 1:
        masked = torch.zeros_like(weights, dtype=torch.bool)
        masked.scatter_(1, weights.abs().argmax(dim=1, keepdim=True), True)
        without = model.score_with_weights(users, items, model.preference_weights(users, items, masked=masked))
    as_numbers = (tensor.to(torch.float64).numpy() for tensor in (weights, scores, without))
    return PairAttributions(*as_numbers)
