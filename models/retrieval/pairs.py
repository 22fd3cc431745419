"""Pairs of a user and an item by the model's literal equation, many at once, each to the last bit as it would be alone.

Where shapes differ, so may the last bits of a matrix product. So pairs go through products of one shape, block by
block, however many there are: a list of a batch is the list of a call.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.preferences import PreferenceScoring, PreferenceSpace

BLOCK = 48
"""Pairs of a product, always as many.

A list of ten has 17 candidates. Blocks of 192 save a batch a fifth of this, and cost one list more than twice as much.
"""
GATHERED = 64 * BLOCK
"""Pairs whose vectors are gathered at once: 2 x 7 MiB at d = 300 in float64."""

OfPairs = Callable[[PreferenceSpace, Tensor, Tensor], Tensor]
"""From (BLOCK, d) vectors of users and of items to what is asked of each pair, (BLOCK, k)."""


@torch.no_grad()
def in_blocks(
    model: PreferenceScoring, user_rows: NDArray[np.int64], item_rows: NDArray[np.int64], of_pairs: OfPairs
) -> NDArray[np.float64]:
    """Ask something of (m,) pairs; returns (m, k) float64.

    Raises:
        IndexError: a row is outside its vocabulary.
    """
    space, found = model.space, []
    for start in range(0, max(1, len(item_rows)), GATHERED):
        part = slice(start, start + GATHERED)
        rows, owners = np.unique(user_rows[part], return_inverse=True)
        users = model.user_vectors(torch.from_numpy(rows)).index_select(0, torch.from_numpy(owners))
        items = model.item_vectors(torch.from_numpy(item_rows[part]))
        padding = (0, 0, 0, -len(items) % BLOCK if len(items) else BLOCK)
        blocks = zip(*(torch.split(functional.pad(x, padding), BLOCK) for x in (users, items)), strict=True)
        found += [torch.cat([of_pairs(space, u, i) for u, i in blocks])[: len(items)]]
    return torch.cat(found).to(torch.float64).numpy()


def scored(space: PreferenceSpace, users: Tensor, items: Tensor) -> Tensor:
    """Give (B, 1) scores by eqs. (8)-(14) as they stand."""
    return -space.pair_distances(users, items, space.induce(space.logits(users, items))).unsqueeze(1)
