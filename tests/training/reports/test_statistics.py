"""Means, spreads, pairs and correlations, worked out by hand."""

import math

import numpy as np
import pytest

from training.reports.markdown import listed, number, plain, with_spread
from training.reports.statistics import OverSeeds, over_seeds, paired, pearson


def test_the_spread_is_the_sample_standard_deviation() -> None:
    # Mean 5; squared differences 9, 1, 16 sum to 26; 26 / (3 - 1) = 13.
    found = over_seeds([2.0, 4.0, 9.0])
    assert (found.mean, found.seeds) == (5.0, 3)
    assert found.spread == pytest.approx(math.sqrt(13))


def test_one_seed_has_no_spread() -> None:
    assert over_seeds([7.0]) == OverSeeds(7.0, None, 1)
    with pytest.raises(ValueError):
        over_seeds([])


def test_only_seeds_that_both_have_are_compared() -> None:
    found = paired({0: 5.0, 1: 4.0, 7: 100.0}, {0: 3.0, 1: 4.5, 2: 0.0}, higher_is_better=True)
    assert found is not None
    assert (found.difference.mean, found.difference.seeds, found.better) == (0.75, 2, 1)  # +2 and -0.5


def test_of_a_rank_less_is_better_and_equal_is_not() -> None:
    found = paired({0: 90.0, 1: 100.0, 2: 110.0}, {0: 100.0, 1: 100.0, 2: 100.0}, higher_is_better=False)
    assert found is not None
    assert found.better == 1


def test_without_a_common_seed_nothing_is_compared() -> None:
    assert paired({0: 1.0}, {1: 1.0}, higher_is_better=True) is None


def test_pearson_by_hand() -> None:
    # dx = -2, 0, 2; dy = -1, 2, -1; dx.dy = 2 + 0 - 2 = 0.
    assert pearson(np.array([1.0, 3.0, 5.0]), np.array([0.0, 3.0, 0.0])) == 0.0
    # dx = -1.5, -0.5, 0.5, 1.5 (squares sum to 5); dy = -1, -1, 0, 2 (6); dx.dy = 1.5 + 0.5 + 0 + 3 = 5.
    rho = pearson(np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, 3.0, 5.0]))
    assert rho == pytest.approx(5 / math.sqrt(30))
    assert pearson(np.array([1.0, 2.0]), np.array([9.0, 4.0])) == pytest.approx(-1.0)


def test_pearson_does_not_depend_on_scale() -> None:
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, 3.0, 5.0])
    assert pearson(100 * x + 7, y / 3) == pytest.approx(5 / math.sqrt(30))


def test_a_flat_or_single_point_curve_has_no_correlation() -> None:
    assert pearson(np.array([1.0, 2.0]), np.array([3.0, 3.0])) is None
    assert pearson(np.array([1.0]), np.array([3.0])) is None


def test_numbers_have_a_true_minus_and_no_negative_nothing() -> None:
    assert number(-1.25, 1) == "−1.2"
    assert number(-0.004, 2) == "0.00"
    assert number(3.0, 2, signed=True) == "+3.00"
    assert with_spread(OverSeeds(-1.0, 0.25, 2), 2, signed=True) == "−1.00 ± 0.25"


def test_text_is_shown_as_it_is_in_a_table() -> None:
    assert plain("a|b\n[c](d) *e* <f>") == r"a\|b \[c\](d) \*e\* \<f\>"
    assert listed(["one"]) == "one"
    assert listed(["one", "two"]) == "one and two"
