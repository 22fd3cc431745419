"""Deal rows to train, valid and test. Repeated rows are dropped before, so no pair and no fact stands in two splits.

A split of interactions takes the table and a seed and gives one split name a row; others (leave-one-out, by time) join
this table.
"""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.data.schema import SPLITS

InteractionSplit = Callable[[pl.DataFrame, int], pl.Series]

_VALID, _TEST, _WHOLE = 1, 2, 10  # 7:1:2


def part_sizes(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give how many of `rows` go to train, valid and test: 7:1:2, halves rounded up, train first.

    One row is for training only; from two rows on, one at least is for the test.

    >>> [part.tolist() for part in part_sizes(np.array([1, 2, 4, 5, 10]))]
    [[1, 1, 3, 3, 7], [0, 0, 0, 1, 1], [0, 1, 1, 1, 2]]
    """
    test = np.maximum((rows * _TEST * 2 + _WHOLE) // (2 * _WHOLE), 1)
    test = np.where(rows < 2, 0, test)
    valid = np.where(rows < 2, 0, (rows * _VALID * 2 + _WHOLE) // (2 * _WHOLE))
    return rows - valid - test, valid, test


def per_user_random(interactions: pl.DataFrame, seed: int) -> pl.Series:
    """Deal each user's rows at random, 7:1:2.

    Args:
        interactions: holds `user_id`; every (user, item) pair once.
        seed: equal seeds deal equal rows equally.

    Returns:
        (n,) split names, in the order of the rows.
    """
    _, users, rows_of = np.unique(
        interactions["user_id"].rank("dense").to_numpy(), return_inverse=True, return_counts=True
    )
    order = np.lexsort((np.random.default_rng(seed).random(len(users)), users))
    starts = np.concatenate(([0], np.cumsum(rows_of)[:-1])).astype(np.int64)
    place = np.empty(len(users), dtype=np.int64)
    place[order] = np.arange(len(users)) - starts[users[order]]
    train, valid, _ = part_sizes(rows_of.astype(np.int64))
    return _names((place >= train[users]).astype(np.int64) + (place >= (train + valid)[users]))


def random_triples(triples: pl.DataFrame, seed: int) -> pl.Series:
    """Deal distinct facts at random, 7:1:2; a fact's repeated rows all go where its first one goes.

    Args:
        triples: holds `head`, `relation`, `tail`.
        seed: equal seeds deal equal rows equally.

    Returns:
        (n,) split names, in the order of the rows.
    """
    key = ["head", "relation", "tail"]
    facts = triples.select(key).unique(maintain_order=True)
    train, valid, _ = (int(part[0]) for part in part_sizes(np.array([facts.height])))
    place = np.random.default_rng(seed).permutation(facts.height)
    dealt = facts.with_columns(split=_names((place >= train).astype(np.int64) + (place >= train + valid)))
    return triples.select(key).join(dealt, on=key, how="left", maintain_order="left")["split"]


def _names(parts: NDArray[np.int64]) -> pl.Series:
    return pl.Series("split", np.array(SPLITS, dtype=object)[parts], dtype=pl.String)


INTERACTION_SPLITS: Mapping[str, InteractionSplit] = {"per_user_random_7_1_2": per_user_random}
