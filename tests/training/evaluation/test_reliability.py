"""Errors of probabilities, by pen."""

import numpy as np
import pytest

from training.evaluation.reliability import EDGES, Judged, bins, brier, expected_calibration_error

P = np.array([0.15, 0.15, 0.85, 0.95])
T = np.array([True, False, True, False])


def test_brier_is_the_mean_square_of_four_differences() -> None:
    # 0.85, 0.15, 0.15, 0.95 off: 0.7225 + 0.0225 + 0.0225 + 0.9025 = 1.67.
    assert brier(P, T) == pytest.approx(1.67 / 4)


def test_calibration_error_weighs_each_bin_by_its_candidates() -> None:
    # 0.1-0.2: said 0.15, one of two true; 0.8-0.9: said 0.85, true; 0.9-1: said 0.95, false.
    assert expected_calibration_error(P, T) == pytest.approx((2 * 0.35 + 0.15 + 0.95) / 4)


def test_errors_of_both_signs_within_a_bin_cancel_and_in_two_bins_do_not() -> None:
    assert expected_calibration_error(np.array([0.45, 0.45]), np.array([True, False])) == pytest.approx(0.05)
    assert expected_calibration_error(np.array([0.45, 0.55]), np.array([True, False])) == pytest.approx(0.55)


def test_perfect_foresight_has_no_error() -> None:
    assert (brier(T.astype(float), T), expected_calibration_error(T.astype(float), T)) == (0.0, 0.0)


def test_bins_hold_their_start_and_the_last_one_its_end() -> None:
    found = bins(np.array([0.0, 0.1, 0.2, 1.0]), np.array([False, False, True, True]))
    assert [(b.start, b.end, b.candidates, b.true) for b in found] == [
        (0.0, 0.001, 1, 0.0),
        (0.1, 0.2, 1, 0.0),
        (0.2, 0.3, 1, 1.0),
        (0.9, 1.0, 1, 1.0),
    ]
    assert EDGES[-1] == 1.0


@pytest.mark.parametrize("bad", [-0.01, 1.01, np.nan])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    for measure in (brier, expected_calibration_error):
        with pytest.raises(ValueError, match="outside"):
            measure(np.array([0.5, bad]), np.array([True, False]))


def test_nothing_cannot_be_measured() -> None:
    for measure in (brier, expected_calibration_error):
        with pytest.raises(ValueError, match="no probabilities"):
            measure(np.empty(0), np.empty(0, dtype=np.bool_))


def test_the_first_of_a_query_are_its_ten_best() -> None:
    places = np.array([0, 9, 10, 0])
    judged = Judged(P, P, T, places).first()
    assert judged.after.tolist() == [0.15, 0.15, 0.95]
    assert judged.figures()["positives"] == 1


def test_without_a_candidate_there_are_counts_and_no_errors() -> None:
    empty = Judged(P[:0], P[:0], T[:0], np.empty(0, dtype=np.int64))
    assert empty.figures() == {"candidates": 0, "positives": 0}
    assert empty.reliability() == []
