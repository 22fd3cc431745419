"""A list of unlike items: maximal marginal relevance over item vectors.

    next = argmax over the pool of (1 - d) rel(i) - d max over the chosen j of sim(i, j)

rel is the score, brought to 0..1 over the pool; sim is the cosine of two item vectors, brought to 0..1. The first item
is always the best one. d = 0 leaves the order of the pool as it is, d = 1 looks at nothing but likeness.
Source: Carbonell and Goldstein, SIGIR 1998.
"""

import numpy as np
from numpy.typing import NDArray

POOL_FACTOR, LEAST_POOL = 5, 50


def pool_size(n: int) -> int:
    """Tell how many of the best items a list of n is chosen from: five times as many, and at least 50.

    >>> pool_size(10), pool_size(100)
    (50, 500)
    """
    return max(LEAST_POOL, POOL_FACTOR * n)


def diversify(vectors: NDArray[np.float64], scores: NDArray[np.float64], n: int, diversity: float) -> NDArray[np.int64]:
    """Choose min(n, m) of the m items of a pool, in the order they are to be shown in.

    Args:
        vectors: (m, d) item vectors, best item first.
        scores: (m,) finite scores, falling.
        diversity: d, from 0 to 1.

    Returns:
        (min(n, m),) places in the pool; of equals, the earlier one.

    Raises:
        ValueError: diversity is outside 0..1.
    """
    if not 0.0 <= diversity <= 1.0:
        raise ValueError(f"diversity {diversity} is not between 0 and 1")
    m = len(scores)
    if diversity == 0.0 or m == 0:
        return np.arange(min(n, m))
    span = scores.max() - scores.min()
    relevance = (scores - scores.min()) / span if span > 0 else np.ones(m)
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    chosen, nearest = [0], (1.0 + units @ units[0]) / 2.0
    while len(chosen) < min(n, m):
        gains = (1.0 - diversity) * relevance - diversity * nearest
        gains[chosen] = -np.inf
        chosen.append(int(gains.argmax()))
        nearest = np.maximum(nearest, (1.0 + units @ units[chosen[-1]]) / 2.0)
    return np.array(chosen, dtype=np.int64)
