"""Probabilities of missing facts, against curves whose numbers are chosen by hand."""

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.retrieval.answers import Answers
from models.retrieval.calibration import KINDS, Calibration, Curve

ALL = np.ones(4, dtype=np.bool_)
# Of four facts, (0, 0, ?) has two: tails 1 and 2; (3, 0, ?) has none.
STORED = Answers(np.array([[0, 0, 1], [0, 0, 2], [1, 1, 0], [2, 0, 3]]), 2)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def curve(offset: float = 0.0, log_slope: float = 0.0, levels: Tensor | None = None) -> Curve:
    nothing = numbers(0.0, 0.0)
    return Curve(numbers(offset, 9.0), numbers(log_slope, 9.0), nothing if levels is None else levels, nothing)


def calibration(sharpness: float = 1.0, **changes: Curve) -> Calibration:
    """A slope of 1 and no offset, but for `typed` and `others` as given."""
    curves = {(side, typed): changes.get("typed" if typed else "others", curve()) for side, typed in KINDS}
    return Calibration(sharpness, STORED, curves)


def sigma(z: float) -> float:
    return 1 / (1 + exp(-z))


def test_a_probability_is_the_curve_of_the_softmax_over_what_is_not_stored() -> None:
    # Tails 1 and 2 are stored; 0 and 3 remain with 2 y = log 3 and 0: softmax 3/4 and 1/4.
    scores = np.array([log(3) / 2, 9.0, 9.0, 0.0])
    found = calibration(2.0, typed=curve(offset=0.5, log_slope=log(2))).probabilities("tail", 0, 0, scores, ALL)
    assert found[[0, 3]] == pytest.approx([sigma(0.5 + 2 * log(3 / 4)), sigma(0.5 + 2 * log(1 / 4))])
    assert np.isnan(found[[1, 2]]).all()


def test_heads_are_looked_up_by_their_tail() -> None:
    # (?, 0, 3) has head 2 stored; (?, 0, 1) has head 0.
    scores = np.zeros(4)
    assert np.isnan(calibration().probabilities("head", 3, 0, scores, ALL)).tolist() == [False, False, True, False]
    assert np.isnan(calibration().probabilities("head", 1, 0, scores, ALL)).tolist() == [True, False, False, False]


def test_the_share_of_stored_facts_moves_an_open_query_and_the_last_level_an_empty_one() -> None:
    moved = calibration(typed=curve(levels=numbers(2.0, 0.7)))
    # Two candidates of equal score beside two stored ones; four where nothing is stored.
    opened = moved.probabilities("tail", 0, 0, np.zeros(4), ALL)
    empty = moved.probabilities("tail", 3, 0, np.zeros(4), ALL)
    assert opened[0] == pytest.approx(sigma(log(1 / 2) + 2.0 * log(2 / 4)))
    assert empty[0] == pytest.approx(sigma(log(1 / 4) + 0.7))


def test_tilts_change_the_slope_by_the_state_of_the_query() -> None:
    tilted = Curve(numbers(0, 0), numbers(0, 0), numbers(0, 0), numbers(0.0, log(3)))
    empty = calibration(typed=tilted).probabilities("tail", 3, 0, np.zeros(4), ALL)
    assert empty[0] == pytest.approx(sigma(3 * log(1 / 4)))


def test_candidates_not_seen_in_the_role_are_compared_among_themselves_by_their_own_curve() -> None:
    typed = np.array([True, True, False, False])
    scores = np.array([log(3), 0.0, log(4), 0.0])
    found = calibration(others=curve(offset=-1.0)).probabilities("tail", 3, 0, scores, typed)
    expected = [sigma(log(3 / 4)), sigma(log(1 / 4)), sigma(-1 + log(4 / 5)), sigma(-1 + log(1 / 5))]
    assert found == pytest.approx(expected)


def test_a_score_that_is_not_finite_has_no_probability_and_takes_none_from_others() -> None:
    for broken in (np.nan, np.inf, -np.inf):
        found = calibration().probabilities("tail", 3, 0, np.array([0.0, broken, 0.0, 0.0]), ALL)
        assert np.isnan(found).tolist() == [False, True, False, False]
        assert found[0] == pytest.approx(sigma(log(1 / 3)))


def test_where_everything_is_stored_nothing_has_a_probability() -> None:
    stored = Answers(np.array([[0, 0, k] for k in range(4)]), 2)
    full = Calibration(1.0, stored, calibration().curves)
    assert np.isnan(full.probabilities("tail", 0, 0, np.zeros(4), ALL)).all()


finite = st.floats(-30, 30)


@given(
    scores=st.lists(finite, min_size=4, max_size=4),
    offset=finite,
    log_slope=st.floats(-3, 1),
    typed=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_among_candidates_of_one_kind_a_higher_score_is_never_less_probable(
    scores: list[float], offset: float, log_slope: float, typed: list[bool]
) -> None:
    given, seen = np.array(scores), np.array(typed)
    both = {"typed": curve(offset, log_slope), "others": curve(-offset, log_slope)}
    found = calibration(5.0, **both).probabilities("tail", 3, 0, given, seen)
    assert ((found >= 0) & (found <= 1)).all()
    for kind in (seen, ~seen):
        order = np.argsort(given[kind], kind="stable")
        assert (np.diff(found[kind][order]) >= 0).all()


def test_the_order_by_probability_is_the_order_by_score() -> None:
    scores = np.random.default_rng(0).normal(size=4)
    found = calibration(3.0, typed=curve(2.0, -1.0)).probabilities("tail", 3, 0, scores, ALL)
    assert np.argsort(-found).tolist() == np.argsort(-scores).tolist()
    assert len(set(found)) == 4


def test_what_is_stored_gives_the_same_probabilities() -> None:
    before = calibration(2.0, typed=curve(1.0, 0.3, numbers(0.2, -0.4)), others=curve(-1.0))
    after = Calibration.of_tensors(before.tensors(), 4, 2)
    scores, typed = np.array([1.0, 0.5, -0.2, 0.1]), np.array([True, False, True, False])
    for side in ("head", "tail"):
        expected = before.probabilities(side, 2, 0, scores, typed)
        assert np.array_equal(after.probabilities(side, 2, 0, scores, typed), expected, equal_nan=True)


FAULTS: list[tuple[str, Callable[[Tensor], Tensor], str]] = [
    ("sharpness", lambda t: -t, "above 0"),
    ("sharpness", lambda t: t.float(), "'sharpness' of the calibration is not"),
    ("head.typed.offsets", lambda t: t[:1], r"'head.typed.offsets' of the calibration is not \(2,\) finite"),
    ("tail.untyped.levels", lambda t: t / 0, "'tail.untyped.levels'"),
    ("stored", lambda t: t + 1, "stored facts of the calibration are no rows"),
    ("stored", lambda t: t - 1, "stored facts of the calibration are no rows"),
    ("stored", lambda t: t[:, :2], "stored facts of the calibration are no rows"),
]


@pytest.mark.parametrize(("name", "fault", "reason"), FAULTS)
def test_a_part_that_does_not_fit_is_refused(name: str, fault: Callable[[Tensor], Tensor], reason: str) -> None:
    tensors = calibration(typed=curve(1.0, levels=numbers(1.0, 1.0))).tensors()
    with pytest.raises(ValueError, match=reason):
        Calibration.of_tensors({**tensors, name: fault(tensors[name])}, 4, 2)


def test_a_part_that_is_missing_is_refused() -> None:
    tensors = calibration().tensors()
    for name in tensors:
        with pytest.raises(KeyError):
            Calibration.of_tensors({k: v for k, v in tensors.items() if k != name}, 4, 2)
