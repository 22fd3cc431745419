"""Every metric of a ranked list against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.planted import rows
from training.evaluation.ranking_metrics import hits_of, per_user

METRICS = ("precision", "recall", "f1", "hit", "ndcg", "ndcg_of_retrieved")


def one(hits: list[bool], n_relevant: int, top_n: int) -> dict[str, float]:
    scores = per_user(np.array([hits]), np.array([n_relevant]), top_n)
    return {name: float(values[0]) for name, values in scores.items()}


def found(ranked: list[int], relevant: list[int]) -> list[bool]:
    return [bool(hit) for hit in hits_of(rows(tuple(ranked)), np.array([0, len(relevant)]), np.array(relevant))[0]]


def test_two_hits_of_three_relevant_items_in_a_list_of_four() -> None:
    scores = one([True, False, True, False], n_relevant=3, top_n=4)
    assert scores == pytest.approx(
        {
            "precision": 2 / 4,
            "recall": 2 / 3,
            "f1": 4 / 7,
            "hit": 1.0,
            "ndcg": (1 + 1 / 2) / (1 + 0.6309298 + 1 / 2),
            "ndcg_of_retrieved": (1 + 0.6309298) / 2,
        }
    )


def test_c75_ndcg_divides_by_the_ideal_order_of_all_relevant_items() -> None:
    scores = one([True, False, False], n_relevant=3, top_n=3)
    assert scores["ndcg"] == pytest.approx(0.469, abs=5e-4)
    assert scores["ndcg_of_retrieved"] == 1.0


def test_ndcg_has_an_ideal_of_no_more_places_than_relevant_items() -> None:
    assert one([True] + [False] * 9, n_relevant=1, top_n=10)["ndcg"] == 1.0


def test_ndcg_has_an_ideal_of_no_more_places_than_the_list() -> None:
    assert one([True, True], n_relevant=50, top_n=2)["ndcg"] == pytest.approx(1.0)


def test_precision_divides_by_n_even_when_the_list_is_shorter() -> None:
    scores = one([True, True], n_relevant=2, top_n=10)
    assert scores["precision"] == pytest.approx(0.2)
    assert scores["recall"] == 1.0
    assert scores["f1"] == pytest.approx(2 * 0.2 / 1.2)
    assert scores["ndcg"] == pytest.approx(1.0)


def test_without_a_hit_every_metric_is_zero() -> None:
    assert one([False, False], n_relevant=1, top_n=2) == dict.fromkeys(METRICS, 0.0)


def test_a_user_without_relevant_items_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one relevant item"):
        per_user(np.array([[True], [False]]), np.array([1, 0]), top_n=1)


def test_more_hits_than_relevant_items_are_refused() -> None:
    with pytest.raises(ValueError, match="more hits than"):
        per_user(np.array([[True, True]]), np.array([1]), top_n=2)


def test_an_empty_place_is_no_hit() -> None:
    assert found([2, -1, -1], relevant=[0, 2]) == [True, False, False]


def test_an_empty_place_is_not_the_last_item_of_the_user_before() -> None:
    hits = hits_of(rows((0, 1), (-1, -1)), np.array([0, 1, 2]), np.array([1, 0]))
    assert hits.tolist() == [[False, True], [False, False]]


def test_c77_an_item_that_is_listed_twice_counts_once_at_its_first_place() -> None:
    hits = found([5, 5, 7], relevant=[5])
    assert hits == [True, False, False]
    scores = one(hits, n_relevant=1, top_n=3)
    assert scores["recall"] == 1.0
    assert scores["precision"] == pytest.approx(1 / 3)


def test_another_users_relevant_item_is_no_hit() -> None:
    hits = hits_of(rows((0, 1), (0, 1)), np.array([0, 1, 2]), np.array([0, 1]))
    assert hits.tolist() == [[True, False], [False, True]]


@given(st.data())
def test_every_metric_lies_between_zero_and_one(data: st.DataObject) -> None:
    top_n = data.draw(st.integers(1, 6))
    ranked = data.draw(st.lists(st.integers(-1, 9), min_size=1, max_size=top_n))
    relevant = sorted(data.draw(st.sets(st.integers(0, 9), min_size=1)))
    scores = one(found(ranked, relevant), len(relevant), top_n)
    assert all(0.0 <= value <= 1.0 + 1e-12 for value in scores.values()), scores
