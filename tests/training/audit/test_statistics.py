"""The signed-rank test and the entropy, by hand."""

import math

import numpy as np
import pytest

from training.audit.statistics import entropy, signed_rank


def test_small_samples_are_counted_out() -> None:
    # Of the 8 ways to sign the ranks 1, 2, 3, W <= 2 has {}, {1}, {2}: 2 * 3/8. W is 1 + 3 or 2.
    found = signed_rank([1.0, -2.0, 3.0])
    assert (found.pairs, found.positive, found.w, found.p) == (3, 2, 4.0, 0.75)
    assert signed_rank([-1.0, 2.0, -3.0]).p == 0.75


def test_the_least_p_of_n_pairs_is_one_way_of_all_twice() -> None:
    for n in (1, 5, 10, 25):
        assert signed_rank([float(k) for k in range(1, n + 1)]).p == min(1.0, 2 / 2**n)


def test_zeros_are_dropped_and_nothing_that_differs_is_no_evidence() -> None:
    assert signed_rank([0.0, 0.0, 1.0, -2.0, 3.0]) == signed_rank([1.0, -2.0, 3.0])
    assert (signed_rank([0.0, 0.0]).pairs, signed_rank([]).p) == (0, 1.0)


def test_equal_sizes_share_their_mean_rank_and_the_normal_approximation_is_corrected_for_them() -> None:
    # Sizes 1, 1, 2, 3: ranks 1.5, 1.5, 3, 4; W = 1.5 + 3 + 4 = 8.5 of 10; mean 5, variance 4*5*9/24 - (8-2)/48 = 7.375.
    found = signed_rank([1.0, -1.0, 2.0, 3.0])
    z = (8.5 - 5 - 0.5) / math.sqrt(7.375)
    assert found.w == 8.5
    assert found.p == pytest.approx(math.erfc(z / math.sqrt(2)))


def test_the_approximation_is_near_what_is_counted_out() -> None:
    values = [k if k % 3 else -k for k in range(1, 26)]
    exact = signed_rank([float(v) for v in values]).p
    # A 26th pair of the least size moves W by little; it is approximated.
    assert signed_rank([*(float(v + np.sign(v)) for v in values), -1.0]).p == pytest.approx(exact, abs=0.02)


def test_symmetric_noise_is_rarely_found_significant() -> None:
    generator = np.random.default_rng(0)
    found = [signed_rank(generator.normal(size=40).tolist()).p < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(found) < 0.09


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        signed_rank([1.0, float("nan")])


def test_entropy_is_of_shares_and_empty_kinds_add_nothing() -> None:
    assert entropy(np.array([5, 0, 0])) == 0.0
    assert entropy(np.array([1, 1, 1, 1])) == 2.0
    assert entropy(np.array([0, 0])) == 0.0
