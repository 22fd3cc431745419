"""A paired test and an entropy, in plain numpy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT = 25
"""Pairs up to which the distribution of W is counted out."""


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of (n,) paired differences against symmetry around 0, two-sided.

    `pairs` are those that differ, `positive` how many of them are above 0, `w` the sum of their ranks. `p` is 1 where
    nothing differs.
    """

    pairs: int
    positive: int
    w: float
    p: float


def signed_rank(differences: Sequence[float]) -> SignedRank:
    """Test differences: zeros are dropped, equal sizes share their mean rank (Wilcoxon, 1945).

    Up to 25 pairs without equal sizes W is counted exactly; beyond that it is approximated by the normal distribution,
    with the correction for equal sizes and for continuity.

    >>> signed_rank([1.0, 2.0, 3.0, 4.0, 5.0])
    SignedRank(pairs=5, positive=5, w=15.0, p=0.0625)
    """
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a difference is not a finite number")
    values = values[values != 0]
    n = len(values)
    if n == 0:
        return SignedRank(0, 0, 0.0, 1.0)
    _, group, sizes = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    w = float(ranks[values > 0].sum())
    if n <= EXACT and bool((sizes == 1).all()):
        p = _exact(n, w)
    else:
        variance = n * (n + 1) * (2 * n + 1) / 24 - float((sizes**3 - sizes).sum()) / 48
        distance = max(0.0, abs(w - n * (n + 1) / 4) - 0.5)
        p = math.erfc(distance / math.sqrt(2 * variance))
    return SignedRank(n, int((values > 0).sum()), w, p)


def _exact(n: int, w: float) -> float:
    """Give twice the smaller tail: of the 2^n ways to sign the ranks 1..n, those that reach so far."""
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1.0
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    low, high = ways[: int(w) + 1].sum(), ways[int(w) :].sum()
    return float(min(1.0, 2 * min(low, high) / 2.0**n))


def entropy(counts: NDArray[np.int64]) -> float:
    """Give the entropy of (k,) counts in bits; 0 without any.

    >>> entropy(np.array([2, 1, 1, 0]))
    1.5
    """
    total = counts.sum()
    shares = counts[counts > 0] / max(1, total)
    return float(-(shares * np.log2(shares)).sum()) + 0.0
