"""Which items are ranked for whom, under which protocol."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.checkpoint import load_checkpoint
from models.retrieval.ranking import RowLists, top_n
from tests.training.planted import CPU, catalogue, rows
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import PAPER, STRICT, alignment_under
from training.evaluation.recommendation import evaluate_recommendation, most_popular, score_lists
from training.trainer import TrainingResult

# One user: item 0 in train, 1 in valid, 2 in test, 3 nowhere.
ONE_USER = catalogue(1, 4, train=rows((0, 0)), valid=rows((0, 1)), test=rows((0, 2)))


class Table:
    """Scores item k of user u as scores[u][k]."""

    def __init__(self, *scores: list[float]) -> None:
        self._scores = torch.tensor(scores)
        self.n_users, self.n_items = self._scores.shape

    def score_items(self, users: Tensor) -> Tensor:
        return self._scores[users].clone()


def test_c79_training_and_validation_items_take_no_place_when_testing() -> None:
    result = evaluate_recommendation(Table([9.0, 8.0, 1.0, 0.0]), ONE_USER, "test", STRICT, 1, CPU)
    assert result.means() == pytest.approx({"precision": 1, "recall": 1, "f1": 1, "hit": 1, "ndcg": 1, "users": 1})


def test_a_test_item_keeps_its_place_in_strict_validation_and_loses_it_in_the_papers() -> None:
    model = Table([9.0, 1.0, 8.0, 0.0])  # item 2, of test, stands before item 1, of valid
    strict = evaluate_recommendation(model, ONE_USER, "valid", STRICT, 2, CPU).means()
    paper = evaluate_recommendation(model, ONE_USER, "valid", PAPER, 2, CPU).means()
    assert strict["ndcg"] == pytest.approx(1 / math.log2(3))
    assert paper["ndcg"] == pytest.approx(1.0)


def test_c75_the_papers_ndcg_is_that_of_the_retrieved_list() -> None:
    data = catalogue(1, 4, train=rows((0, 3)), test=rows((0, 0), (0, 1)))
    model = Table([3.0, 0.0, 2.0, 1.0])  # the list of two: 0 (a hit), 2 (none)
    strict = evaluate_recommendation(model, data, "test", STRICT, 2, CPU).means()
    paper = evaluate_recommendation(model, data, "test", PAPER, 2, CPU).means()
    assert strict["ndcg"] == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert paper["ndcg"] == pytest.approx(1.0)
    assert "ndcg_of_retrieved" not in strict | paper


def test_the_most_popular_list_by_hand() -> None:
    # Training counts of items 0, 1, 2, 3: 3, 2, 1, 0. User 0 is offered 1, and met it; user 1 is offered 2, and met 3.
    train = rows((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))
    data = catalogue(3, 4, train=train, test=rows((0, 1), (1, 3)))
    means = most_popular(data, "test", STRICT, 1).means()
    assert (means["precision"], means["hit"], means["users"]) == (0.5, 0.5, 2)


def test_means_are_over_the_users_who_have_rows_in_the_split() -> None:
    data = catalogue(5, 3, train=rows((0, 0), (1, 1), (4, 1)), test=rows((1, 0), (3, 2)))
    result = evaluate_recommendation(Table(*[[3.0, 2.0, 1.0]] * 5), data, "test", STRICT, 1, CPU)
    assert result.users.tolist() == [1, 3]
    assert result.values["hit"].tolist() == [1.0, 0.0]


def test_a_list_longer_than_the_catalogue_has_empty_places_and_divides_by_n() -> None:
    result = evaluate_recommendation(Table([9.0, 8.0, 1.0, 0.0]), ONE_USER, "test", STRICT, 10, CPU)
    assert result.means() == pytest.approx(
        {"precision": 0.1, "recall": 1, "f1": 0.2 / 1.1, "hit": 1, "ndcg": 1, "users": 1}
    )


def test_a_split_without_rows_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="'valid' has no interactions"):
        evaluate_recommendation(Table([0.0, 0.0]), catalogue(1, 2, train=rows((0, 0))), "valid", STRICT, 1, CPU)


def test_a_score_that_is_no_number_is_an_error_that_names_the_user() -> None:
    with pytest.raises(FloatingPointError, match="user row 0"):
        evaluate_recommendation(Table([0.0, 0.0, float("nan"), 0.0]), ONE_USER, "test", STRICT, 1, CPU)


def test_chunks_of_one_user_give_the_lists_of_one_chunk(world: IndexedDataset, trained: TrainingResult) -> None:
    model, users = load_checkpoint(trained.checkpoint).model, np.arange(len(world.users))
    seen = RowLists.of_pairs(world.interactions["train"], len(users))
    whole = top_n(model, users, 5, seen)
    assert np.array_equal(whole, top_n(model, users, 5, seen, chunk_elements=1))
    lists = score_lists(whole[:42], users[:42], RowLists.of_pairs(world.interactions["valid"], len(users)), 5, STRICT)
    assert lists.means() == evaluate_recommendation(model, world, "valid", STRICT, 5, CPU).means()


def test_a_model_that_knows_the_test_split_scores_one(world: IndexedDataset) -> None:
    scores = np.zeros((len(world.users), len(world.items)), dtype=np.float32)
    scores[tuple(world.interactions["test"].T)] = 1.0
    scores[tuple(world.interactions["train"].T)] = 2.0  # what it must not be blamed for
    means = evaluate_recommendation(Table(*scores.tolist()), world, "test", STRICT, 2, CPU).means()
    assert means == pytest.approx({"precision": 1, "recall": 1, "f1": 1, "hit": 1, "ndcg": 1, "users": 42})


def test_the_paper_keeps_the_last_item_of_an_entity_and_strict_keeps_all() -> None:
    alignment = np.array([5, -1, 7, 5, -1])
    assert alignment_under(STRICT, alignment).tolist() == [5, -1, 7, 5, -1]
    assert alignment_under(PAPER, alignment).tolist() == [-1, -1, 7, 5, -1]
    assert alignment_under(PAPER, np.empty(0, dtype=np.int64)).tolist() == []


def test_more_test_rows_change_no_validation_metric_under_strict(world: IndexedDataset) -> None:
    without_test = replace(world, interactions={**world.interactions, "test": np.empty((0, 2), dtype=np.int64)})
    first, second = (most_popular(data, "valid", STRICT, 3).means() for data in (world, without_test))
    assert first == second
