"""The exact top N for a person who is a vector: new, anonymous or steered. Every item is scored, none is nominated.

One scan costs products with n x P and n x d matrices (models/catalogue.py): some milliseconds below 100,000 items, and
linear in the items above. What comes close to the N-th place is scored again by the literal equation, which decides,
so that a trained user without steering gets the very scores and the very list of `Searcher.brute_force`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.catalogue import Catalogue
from models.retrieval.search import Ranking

SLACK = 1e-9
"""Relative room for the rounding of float64 between a scan and the literal equation."""


@torch.no_grad()
def scan(
    catalogue: Catalogue, user: Tensor, n: int, excluded: NDArray[np.int64], multipliers: Tensor | None = None
) -> Ranking:
    """Give the best n items for a (d,) person that are not excluded; fewer where fewer remain.

    Args:
        excluded: (m,) item rows, in any order.
        multipliers: (P,) of each preference's odds, at least 0; None stands for ones.

    Items whose score is not finite are left out. Equal scores keep the order of the vocabulary.
    """
    scores = catalogue.scores(user, multipliers).numpy()
    open_ = np.isfinite(scores)
    open_[excluded] = False
    rows = np.flatnonzero(open_)
    if len(rows) > n:
        last = np.partition(scores[rows], len(rows) - n)[len(rows) - n]
        rows = rows[scores[rows] >= last - SLACK * (1.0 - last)]
    literal = catalogue.literal_scores(user, torch.from_numpy(rows), multipliers).numpy()
    best = np.argsort(-literal, kind="stable")[:n]
    return Ranking(rows[best], literal[best])
