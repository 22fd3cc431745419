"""The exact top N."""

from typing import Any

import numpy as np
import pytest
import torch

from models.retrieval.ranking import RowLists, best_columns, top_n


class Table:
    """Scores that were written down."""

    def __init__(self, scores: list[list[float]]) -> None:
        self.scores = torch.tensor(scores)
        self.n_users, self.n_items = self.scores.shape

    def score_items(self, users: torch.Tensor) -> torch.Tensor:
        return self.scores[users].clone()


def _lists(*lists: list[int]) -> RowLists:
    pairs = [(row, column) for row, columns in enumerate(lists) for column in columns]
    return RowLists.of_pairs(np.array(pairs, dtype=np.int64).reshape(-1, 2), len(lists))


def test_equal_scores_keep_the_order_of_the_vocabulary_at_the_cut_too() -> None:
    scores = torch.tensor([[1.0, 2.0, 1.0, 1.0, 2.0]])
    for n, expected in ((1, [1]), (2, [1, 4]), (3, [1, 4, 0]), (4, [1, 4, 0, 2]), (9, [1, 4, 0, 2, 3])):
        assert best_columns(scores, n).tolist() == [expected]


def test_best_columns_agree_with_a_stable_sort_on_many_ties() -> None:
    scores = torch.randint(0, 4, (50, 30), generator=torch.Generator().manual_seed(0)).float()
    expected = scores.sort(dim=1, descending=True, stable=True).indices
    for n in (1, 7, 30):
        assert torch.equal(best_columns(scores, n), expected[:, :n])


def test_excluded_items_are_never_ranked_even_when_fewer_than_n_remain() -> None:
    model: Any = Table([[5.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    ranked = top_n(model, np.array([0, 1]), 3, _lists([0, 2, 3], []))
    assert ranked.tolist() == [[1, -1, -1], [3, 2, 1]]


def test_users_are_ranked_in_the_order_asked_whatever_the_chunk() -> None:
    model: Any = Table([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    for chunk in (1, 2, 100):
        assert top_n(model, np.array([2, 1, 1]), 1, chunk_elements=chunk).tolist() == [[1], [0], [0]]


def test_a_score_that_is_no_number_is_told_with_its_user() -> None:
    model: Any = Table([[1.0, 2.0], [float("nan"), 1.0]])
    with pytest.raises(FloatingPointError, match="user row 1"):
        top_n(model, np.array([0, 1]), 1)


def test_row_lists_are_sorted_and_hold_a_repeat_once() -> None:
    lists = RowLists.of_pairs(np.array([[2, 5], [0, 3], [2, 1], [2, 5]]), 4)
    assert [lists[k].tolist() for k in range(4)] == [[3], [], [1, 5], []]
    positions, columns = lists.pairs_of(np.array([2, 1, 0, 2]))
    assert positions.tolist() == [0, 0, 2, 3, 3]
    assert columns.tolist() == [1, 5, 3, 1, 5]
