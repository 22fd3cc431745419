import numpy as np
import torch
from torch import Generator, Tensor

from training.data.batches import n_batches
from training.data.shards.order import ShardedOrder, portions

COUNTS = np.array([40, 0, 23, 37])
ROWS = torch.arange(200).reshape(100, 2) + 1  # no row of zeros, which is what is not held


def whole_pass(held: range, seed: int = 0, size: int = 16) -> list[Tensor]:
    """Give a pass by a process that holds some shards, with zeros for the rows of others."""
    firsts = np.cumsum([0, *COUNTS])
    order = ShardedOrder(COUNTS, held, lambda batch: batch)
    return list(order.passes(ROWS[firsts[held.start] : firsts[held.stop]], size, Generator().manual_seed(seed)))


def test_a_pass_holds_every_row_once_in_as_many_batches_as_without_shards() -> None:
    batches = whole_pass(range(4))
    assert [len(batch) for batch in batches] == [16] * 6 + [4]
    assert len(batches) == n_batches(100, 16)
    assert sorted(torch.cat(batches).tolist()) == ROWS.tolist()


def test_batches_are_the_same_whoever_holds_the_shards() -> None:
    expected = whole_pass(range(4))
    for parts in ([range(2), range(2, 4)], [range(k, k + 1) for k in range(4)]):
        held = [whole_pass(part) for part in parts]
        for k, batch in enumerate(expected):
            own = torch.stack([batches[k] for batches in held])
            assert torch.equal(own.sum(0), batch)
            assert bool(((own > 0).all(2).sum(0) == 1).all())  # each row from one of them


def test_every_batch_has_its_part_of_each_shard_in_no_order() -> None:
    shards = np.repeat(np.arange(4), COUNTS)
    for batch in whole_pass(range(4))[:-1]:
        found = shards[(batch[:, 0].numpy() - 1) // 2]
        apart = np.abs(np.bincount(found, minlength=4) - 16 * COUNTS / 100)
        assert apart.max() < 1.5
        assert (np.diff(found) < 0).any()


def test_each_pass_and_each_seed_has_an_order_of_its_own() -> None:
    order, generator = ShardedOrder(COUNTS, range(4), lambda batch: batch), Generator().manual_seed(0)
    first, second = (torch.cat(list(order.passes(ROWS, 16, generator))) for _ in range(2))
    assert torch.equal(first, torch.cat(whole_pass(range(4))))
    assert not torch.equal(first, second)
    assert not torch.equal(first, torch.cat(whole_pass(range(4), seed=1)))


def test_portions_are_never_more_than_is_left_and_make_up_the_batch() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        left = random.integers(0, 7, random.integers(1, 9))
        size = int(random.integers(1, 20))
        found = portions(left, size) if left.any() else left
        assert found.sum() == min(size, left.sum())
        assert bool(((found >= 0) & (found <= left)).all())
