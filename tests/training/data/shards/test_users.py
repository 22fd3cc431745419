import numpy as np
import pytest

from tests.training import planted
from tests.training.planted import rows
from training.data.errors import TooManyShards
from training.data.shards.users import UserShards, in_order


def test_shards_have_nearly_as_many_interactions_and_every_user_is_in_one() -> None:
    counts = np.random.default_rng(0).integers(0, 9, 1000)
    shards = UserShards.cut(counts, 7, range(7))
    assert (shards.edges[0], shards.edges[-1]) == (0, 1000)
    held = [counts[first:last].sum() for first, last in zip(shards.edges[:-1], shards.edges[1:], strict=True)]
    assert sum(held) == counts.sum()
    assert max(held) - min(held) <= 2 * counts.max()


def test_users_are_counted_in_their_shards_past_shards_without_anyone() -> None:
    shards = UserShards.cut(np.array([9, 1, 1, 0]), 4, range(1, 3))  # starts 0, 9, 10, 11; wanted 0, 2.75, 5.5, 8.25
    assert shards.edges.tolist() == [0, 1, 1, 1, 4]
    assert shards.counts(np.array([0, 0, 1, 2])).tolist() == [2, 0, 0, 2]
    assert (shards.first, shards.last) == (1, 1)


def test_those_who_met_nothing_are_in_the_last_shard() -> None:
    assert UserShards.cut(np.array([2, 2, 0, 0]), 2, range(2)).edges.tolist() == [0, 1, 4]
    assert UserShards.cut(np.zeros(3, np.int64), 2, range(2)).edges.tolist() == [0, 0, 3]


def test_more_shards_than_users_are_refused_at_once() -> None:
    assert UserShards.cut(np.array([2, 2]), 2, range(2)).edges.tolist() == [0, 1, 2]
    assert UserShards.cut(np.array([], np.int64), 1, range(1)).edges.tolist() == [0, 0]
    for wanted in (3, 10**9):
        with pytest.raises(TooManyShards, match=f"data_shards: {wanted:,} shards are wanted of 2 users"):
            UserShards.cut(np.array([2, 2]), wanted, range(1))


def test_rows_are_put_in_order_of_user_and_item() -> None:
    assert in_order(rows((1, 0), (0, 2), (1, 1), (0, 0)), 3).tolist() == [[0, 0], [0, 2], [1, 0], [1, 1]]
    assert in_order(np.empty((0, 2), np.int64), 0).shape == (0, 2)


@pytest.mark.parametrize("n_shards", [1, 2, 4, 43])
def test_the_shards_of_a_data_set_are_its_interactions_each_once(n_shards: int) -> None:
    whole = planted.indexed()
    parts = [whole.of_shards(n_shards, range(k, k + 1)) for k in range(n_shards)]
    for split, expected in whole.interactions.items():
        together = np.concatenate([part.interactions[split] for part in parts])
        assert together.tolist() == sorted(expected.tolist())
