import itertools

import pytest
import torch
from torch import Generator

from training.data.batches import endless, n_batches, shuffled, turns

ROWS = torch.arange(20).reshape(10, 2)


def test_a_pass_holds_every_row_once_and_the_last_batch_is_the_rest() -> None:
    batches = list(shuffled(ROWS, 4, Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert len(batches) == n_batches(10, 4)
    assert sorted(torch.cat(batches).tolist()) == ROWS.tolist()


def test_each_pass_has_an_order_of_its_own_given_by_the_seed() -> None:
    generator = Generator().manual_seed(0)
    first, second = (torch.cat(list(shuffled(ROWS, 4, generator))) for _ in range(2))
    again = torch.cat(list(shuffled(ROWS, 4, Generator().manual_seed(0))))
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


def test_endless_batches_pass_through_all_rows_again_and_again() -> None:
    batches = list(itertools.islice(endless(ROWS, 5, Generator().manual_seed(0)), 4))
    for k in (0, 2):
        assert sorted(torch.cat(batches[k : k + 2]).tolist()) == ROWS.tolist()


@pytest.mark.parametrize(
    ("n", "share", "expected"),
    [
        (14, 0.7, "rrrrrrrggg" * 2),
        (9, 0.7, "rrrrrrrggg" + "rrggg"),
        (3, 0.5, "rrrggggg"),  # fewer batches than recommendation steps in ten: the graph has its steps all the same
        (2, 0.04, "rggggggggg" * 2),  # step 0 alone is below 0.4
        (2, 0.25, "rrggggggg"),  # steps 0, 1, 2 are below 2.5; two batches are all there are
        (12, 1.0, "r" * 12),
        (3, 0.3, "rrrggggggg"),  # 10 x 0.3 is 3, whatever the last bit says
    ],
)
def test_the_first_of_each_ten_steps_recommend_by_lambda(n: int, share: float, expected: str) -> None:
    assert "".join("r" if turn else "g" for turn in turns(n, share)) == expected
