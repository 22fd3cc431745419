"""Maximal marginal relevance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.retrieval.diversity import diversify, pool_size

VECTORS, SCORES = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([3.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("diversity", "order"), [(0.0, [0, 1, 2]), (0.4, [0, 1, 2]), (0.6, [0, 2, 1]), (1.0, [0, 2, 1])]
)
def test_an_unlike_item_overtakes_a_copy_where_likeness_weighs_more(diversity: float, order: list[int]) -> None:
    # Relevance 1, 1/2, 0. After item 0, its copy gains (1 - d) / 2 - d and the item at a right angle, whose likeness
    # is (1 + 0) / 2, gains -d / 2: the copy goes on as long as d < 1/2.
    assert diversify(VECTORS, SCORES, 3, diversity).tolist() == order


def test_of_equals_the_better_one_comes_first() -> None:
    assert diversify(VECTORS, SCORES, 2, 0.5).tolist() == [0, 1]


def test_the_best_item_stays_the_first() -> None:
    assert diversify(VECTORS, SCORES, 1, 1.0).tolist() == [0]


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan")])
def test_a_diversity_that_is_none_is_refused(diversity: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        diversify(VECTORS, SCORES, 2, diversity)


@settings(max_examples=60, deadline=None)
@given(m=st.integers(0, 30), n=st.integers(1, 40), diversity=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_list_is_made_of_the_pool_without_repeats_and_always_the_same(
    m: int, n: int, diversity: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    vectors, scores = generator.normal(size=(m, 4)), np.sort(generator.normal(size=m))[::-1]
    found = diversify(vectors, scores, n, diversity)
    assert len(found) == min(n, m) == len(set(found.tolist()))
    assert found.tolist() == diversify(vectors, scores, n, diversity).tolist()
    if diversity == 0:
        assert found.tolist() == list(range(min(n, m)))


def test_a_pool_holds_the_list_several_times() -> None:
    assert [pool_size(n) for n in (1, 10, 20, 100)] == [50, 50, 100, 500]
