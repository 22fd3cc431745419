"""Hits@N, mean rank and mean reciprocal rank of ranks that count from 1; plain numpy.

Equal scores share the mean of their places, so a constant model over n candidates has rank (n + 1) / 2 and looks
no better than chance (the "realistic" rank of Berrendorf et al., 2020).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def summary(ranks: NDArray[np.float64], top_n: int) -> Mapping[str, float]:
    """Summarise (n,) ranks of at least 1.

    >>> dict(summary(np.array([1.0, 4.0, 20.0]), top_n=10))["hits"]
    0.6666666666666666
    """
    if len(ranks) == 0:
        raise ValueError("there are no ranks to summarise")
    return {
        "hits": float((ranks <= top_n).mean()),
        "mean_rank": float(ranks.mean()),
        "mrr": float((1.0 / ranks).mean()),
    }
