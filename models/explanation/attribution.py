"""How much each preference had in a score: the weights that the scorer itself used, and what is left without the first.

Nothing is estimated: g is a function of the pair's preference weights, so the weights are read off, and masking a
preference means that induction may not choose it (its logit is -inf) and the pair is scored again.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.preferences import PreferenceScoring, PreferenceSpace
from models.retrieval.pairs import in_blocks


@dataclass(frozen=True)
class PairAttributions:
    """For (B,) pairs: (B, P) weights, (B,) scores, and (B,) scores without the heaviest preference."""

    weights: NDArray[np.float64]
    scores: NDArray[np.float64]
    scores_without_top: NDArray[np.float64]


def attribute(model: PreferenceScoring, user_row: int, item_rows: NDArray[np.int64]) -> PairAttributions:
    """Attribute the scores of (B,) items of one user; as `attribute_pairs`."""
    return attribute_pairs(model, np.full_like(item_rows, user_row), item_rows)


def attribute_pairs(
    model: PreferenceScoring, user_rows: NDArray[np.int64], item_rows: NDArray[np.int64]
) -> PairAttributions:
    """Attribute the scores of (B,) users with (B,) items, each pair to the last bit as it would be alone.

    A model with a single preference has nothing to fall back on: its score without the first is its score.

    Raises:
        IndexError: a row is outside its vocabulary.
    """
    found = in_blocks(model, user_rows, item_rows, _attributed)
    return PairAttributions(found[:, 2:], found[:, 0], found[:, 1])


def _attributed(space: PreferenceSpace, users: Tensor, items: Tensor) -> Tensor:
    """Give (B, 2 + P): the score, the score without the heaviest preference, the weights."""
    logits = space.logits(users, items)
    weights = space.induce(logits)
    scores = -space.pair_distances(users, items, weights)
    without = scores
    if weights.shape[1] > 1:
        masked = logits.scatter(1, weights.abs().argmax(dim=1, keepdim=True), float("-inf"))
        without = -space.pair_distances(users, items, space.induce(masked))
    return torch.cat([scores.unsqueeze(1), without.unsqueeze(1), weights], dim=1)
