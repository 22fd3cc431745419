"""Deal rows to train, valid and test. Repeated rows are dropped before, so no pair and no fact stands in two splits.

A split of interactions takes the table and a seed and gives one split name a row; `INTERACTION_SPLITS` has them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.data.keys import SPLIT_TYPE, SPLITS, dense, packed

_VALID, _TEST, _WHOLE = 1, 2, 10  # 7:1:2


@dataclass(frozen=True)
class InteractionSplit:
    """One way to deal interactions.

    Attributes:
        method: how manifests call it.
        deal: (n,) split names of a table's rows, by a seed that only those use where `uses_chance` is set.
        needs_time: whether every row must have a timestamp.
        uses_chance: whether the seed decides anything.
        note: one line of help.
    """

    method: str
    deal: Callable[[pl.DataFrame, int], pl.Series]
    needs_time: bool
    uses_chance: bool
    note: str


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
    users, n_users = dense(interactions["user_id"])
    return _in_parts(users, n_users, np.random.default_rng(seed).random(len(users)))


def per_user_time(interactions: pl.DataFrame, seed: int) -> pl.Series:
    """Deal each user's rows by time, 7:1:2: what came last is tested. Equal times keep the order of the rows.

    Args:
        interactions: holds `user_id` and `timestamp`, never null; every (user, item) pair once.
        seed: plays no part.
    """
    users, n_users = dense(interactions["user_id"])
    return _in_parts(users, n_users, interactions["timestamp"].to_numpy())


def leave_one_out(interactions: pl.DataFrame, seed: int) -> pl.Series:
    """Test on each user's latest row and validate on the one before; the rest is for training.

    A user's only row is for training; of two, the later is tested. Equal times keep the order of the rows. Where a
    timestamp is missing anywhere, the rows of a user are put in an order at random.

    Args:
        interactions: holds `user_id` and `timestamp`; every (user, item) pair once.
        seed: equal seeds deal equal rows equally.
    """
    users, n_users = dense(interactions["user_id"])
    timed = interactions["timestamp"].null_count() == 0
    order = interactions["timestamp"].to_numpy() if timed else np.random.default_rng(seed).random(len(users))
    place, rows_of = _places(users, n_users, order), np.bincount(users, minlength=n_users)
    from_end = rows_of[users] - 1 - place
    tested, validated = (from_end == 0) & (place > 0), (from_end == 1) & (place > 0)
    return _names(np.where(tested, 2, np.where(validated, 1, 0)))


def global_time(interactions: pl.DataFrame, seed: int) -> pl.Series:
    """Cut all rows at two moments, as near to 7:1:2 as can be: nothing that is learnt from is later than a test row.

    Rows of one moment stay together, in the earlier part.

    Args:
        interactions: holds `timestamp`, never null.
        seed: plays no part.
    """
    moments = interactions["timestamp"].to_numpy()
    ordered = np.sort(moments)
    train, valid, _ = (int(part[0]) for part in part_sizes(np.array([len(ordered)])))
    last_of_train, last_of_valid = ordered[train - 1], ordered[train + valid - 1]
    return _names((moments > last_of_train).astype(np.int8) + (moments > last_of_valid))


def random_triples(triples: pl.DataFrame, seed: int) -> pl.Series:
    """Deal distinct facts at random, 7:1:2; a fact's repeated rows all go where its first one goes.

    Args:
        triples: holds `head`, `relation`, `tail`.
        seed: equal seeds deal equal rows equally.

    Returns:
        (n,) split names, in the order of the rows.
    """
    facts, first = np.unique(packed(triples, ["head", "relation", "tail"]).to_numpy(), return_inverse=True)
    train, valid, _ = (int(part[0]) for part in part_sizes(np.array([len(facts)])))
    seen = np.full(len(facts), len(first), dtype=np.int64)
    np.minimum.at(seen, first, np.arange(len(first)))
    rank = np.empty(len(facts), dtype=np.int64)
    rank[np.argsort(seen)] = np.arange(len(facts))
    place = np.random.default_rng(seed).permutation(len(facts))[rank][first]
    return _names((place >= train).astype(np.int8) + (place >= train + valid))


def _in_parts(users: NDArray[np.uint32], n_users: int, order: NDArray[np.float64 | np.int64]) -> pl.Series:
    """Deal each user's rows 7:1:2 in this order."""
    train, valid, _ = part_sizes(np.bincount(users, minlength=n_users))
    place = _places(users, n_users, order)
    return _names((place >= train[users]).astype(np.int8) + (place >= (train + valid)[users]))


def _places(users: NDArray[np.uint32], n_users: int, order: NDArray[np.float64 | np.int64]) -> NDArray[np.int32]:
    """Give the place of each row among its user's rows, from 0."""
    sequence = np.lexsort((order, users))
    counts = np.bincount(users, minlength=n_users)
    starts = np.cumsum(counts) - counts
    place = np.empty(len(users), dtype=np.int32)  # of a user's rows; half the memory of int64
    place[sequence] = np.arange(len(users), dtype=np.int32) - np.repeat(starts.astype(np.int32), counts)
    return place


def _names(parts: NDArray[np.integer]) -> pl.Series:
    return pl.Series("split", SPLITS, dtype=SPLIT_TYPE).gather(parts.astype(np.uint32))


INTERACTION_SPLITS: Mapping[str, InteractionSplit] = {
    "per-user-random": InteractionSplit(
        "per_user_random_7_1_2", per_user_random, False, True, "each user's rows at random, 7:1:2"
    ),
    "leave-one-out": InteractionSplit(
        "leave_one_out", leave_one_out, False, True, "each user's last row is tested, the one before validates"
    ),
    "per-user-time": InteractionSplit(
        "per_user_time_7_1_2", per_user_time, True, False, "each user's rows by time, 7:1:2"
    ),
    "global-time": InteractionSplit(
        "global_time_7_1_2", global_time, True, False, "all rows cut at two moments, 7:1:2"
    ),
}
