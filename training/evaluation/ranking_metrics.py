"""Precision, recall, F1, hit ratio and NDCG of ranked lists, for each user; plain numpy.

An item that a list repeats counts once, at its first place; a list is cut at N. With H hits, R relevant items and
place k = 1, 2, ...:

    precision = H / N      recall = H / R      F1 = 2 P R / (P + R)      hit = 1 if H > 0
    NDCG = sum_hits 1 / log2(k + 1)  /  sum_{k <= min(N, R)} 1 / log2(k + 1)

Source: Järvelin and Kekäläinen, ACM TOIS 2002. `ndcg_of_retrieved` is what the KTUP paper's own code prints instead:
its ideal is the best order of the hits in the list itself, and places 1 and 2 weigh alike.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hits_of(ranked: NDArray[np.int64], starts: NDArray[np.int64], relevant: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which places of (B, N) ranked lists hold a relevant item.

    Relevant items of list b are relevant[starts[b]:starts[b + 1]], sorted; a place of -1 is empty and no hit, and
    neither is an item that stands earlier in the same list.
    """
    width = int(max(ranked.max(initial=0), relevant.max(initial=0))) + 1
    owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    keys = owners * width + relevant
    asked = np.arange(len(ranked))[:, None] * width + ranked
    return np.isin(asked, keys) & (ranked >= 0) & ~_repeats(ranked)


def per_user(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], top_n: int) -> Mapping[str, Floats]:
    """Give each metric as (B,) values in [0, 1], from (B, <= top_n) hits and (B,) counts of at least 1.

    Raises:
        ValueError: a user has no relevant item, or a list has more hits than its user has relevant items.

    >>> scores = per_user(np.array([[True, False, False]]), np.array([3]), top_n=3)
    >>> round(float(scores["ndcg"][0]), 3), float(scores["ndcg_of_retrieved"][0])
    (0.469, 1.0)
    """
    if (n_relevant < 1).any():
        raise ValueError("every evaluated user needs at least one relevant item")
    found = hits.sum(axis=1)
    if (found > n_relevant).any():
        raise ValueError("a list has more hits than its user has relevant items")
    precision, recall = found / top_n, found / n_relevant
    total = np.where(found > 0, precision + recall, 1.0)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / total,
        "hit": (found > 0).astype(np.float64),
        "ndcg": _standard_ndcg(hits, n_relevant, top_n),
        "ndcg_of_retrieved": _ndcg_of_retrieved(hits, top_n),
    }


def _repeats(ranked: NDArray[np.int64]) -> NDArray[np.bool_]:
    order = np.argsort(ranked, axis=1, kind="stable")
    ordered = np.take_along_axis(ranked, order, axis=1)
    again = np.zeros(ranked.shape, dtype=bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return again


def _standard_ndcg(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], top_n: int) -> Floats:
    gains = 1.0 / np.log2(np.arange(2, top_n + 2))
    ideal = np.cumsum(gains)[np.minimum(n_relevant, top_n) - 1]
    return np.asarray((hits * gains[: hits.shape[1]]).sum(axis=1) / ideal)


def _ndcg_of_retrieved(hits: NDArray[np.bool_], top_n: int) -> Floats:
    gains = 1.0 / np.log2(np.maximum(np.arange(1, top_n + 1), 2))
    found = hits.sum(axis=1)
    ideal = np.concatenate([[1.0], np.cumsum(gains)])[found]
    return np.asarray((hits * gains[: hits.shape[1]]).sum(axis=1) / ideal)
