"""Steering: the odds of a preference are multiplied, from 0, which masks it, over 1, which changes nothing, to 2."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalogue import Catalogue, check_multipliers
from models.interface import Sizes
from models.registry import build, config_from
from models.retrieval.index import PreferenceIndex
from models.retrieval.scan import scan
from models.retrieval.search import Searcher
from tests.models.tiny import two_by_two, user_of

NOBODY = np.empty(0, dtype=np.int64)


def multipliers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_soft_odds_are_multiplied() -> None:
    model = two_by_two("soft")
    # Item 1: u + i = (1, 1), so phi = (1, 1), odds 1 : 1. Doubled, the first has 2 of 3; halved, 1 of 3.
    catalogue = Catalogue.of(model)
    assert catalogue.weights(user_of(model))[1].tolist() == pytest.approx([0.5, 0.5])
    assert catalogue.weights(user_of(model), multipliers(2, 1))[1].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert catalogue.weights(user_of(model), multipliers(0.5, 1))[1].tolist() == pytest.approx([1 / 3, 2 / 3])


def test_a_temperature_does_not_change_what_a_multiplier_does_to_the_odds() -> None:
    model = two_by_two("soft", temperature=0.1)
    assert Catalogue.of(model).weights(user_of(model), multipliers(2, 1))[1].tolist() == pytest.approx([2 / 3, 1 / 3])


def test_a_steered_score_is_the_distance_with_the_steered_weights() -> None:
    model = two_by_two("soft")
    # Item 1, odds 2 : 1: p = (2/3, 1/3), w = (1/3, 2/3), delta = (1, -1), w.delta = -1/3,
    # delta_perp + p = (1 + 1/9 + 2/3, -1 + 2/9 + 1/3) = (16/9, -4/9): squared length 272/81.
    assert Catalogue.of(model).scores(user_of(model), multipliers(2, 1))[1].item() == pytest.approx(-272 / 81)


def test_hard_induction_changes_over_where_the_odds_do() -> None:
    model = two_by_two("hard")
    # Item 0: phi = (2, 1); the second wins where log m_1 > 1 + log m_0, so from m = (0.36, 1) on, as 1/e = 0.3679.
    catalogue, user = Catalogue.of(model), user_of(model)
    assert catalogue.weights(user, multipliers(0.37, 1))[0].tolist() == [1.0, 0.0]
    assert catalogue.weights(user, multipliers(0.36, 1))[0].tolist() == [0.0, 1.0]
    # Preference 0: delta_perp = (0, 0), + p = (1, 0): 1. Preference 1: delta_perp = (0, -1), + p: 0.
    assert catalogue.scores(user, multipliers(0.37, 1))[0].item() == -1.0
    assert catalogue.scores(user, multipliers(0.36, 1))[0].item() == 0.0


def test_ones_change_no_bit(preference_model: Any) -> None:
    model = preference_model.double()
    catalogue, ones, rows = Catalogue.of(model), torch.ones(model.n_preferences).double(), torch.arange(model.n_items)
    for row in range(model.n_users):
        user = user_of(model, row)
        assert torch.equal(catalogue.scores(user, ones), catalogue.scores(user))
        plain = catalogue.literal_scores(user, rows)
        assert torch.equal(catalogue.literal_scores(user, rows, ones), plain)
        assert torch.equal(plain, model.score_pairs(torch.full_like(rows, row), rows))


def test_zero_is_the_masked_model(preference_model: Any) -> None:
    model = preference_model.double()
    catalogue, rows, users = Catalogue.of(model), torch.arange(model.n_items), torch.zeros(model.n_items).long()
    for k in range(model.n_preferences):
        factors = torch.ones(model.n_preferences).double()
        factors[k] = 0.0
        masked = torch.zeros(model.n_items, model.n_preferences, dtype=torch.bool)
        masked[:, k] = True
        expected = model.score_with_weights(users, rows, model.preference_weights(users, rows, masked=masked))
        assert torch.equal(catalogue.literal_scores(user_of(model), rows, factors), expected)
        torch.testing.assert_close(catalogue.scores(user_of(model), factors), expected, rtol=0, atol=1e-9)


def test_zeros_throughout_leave_the_odds_as_they_are(preference_model: Any) -> None:
    if preference_model.space.raw_scale is not None:
        return
    catalogue, user = Catalogue.of(preference_model), user_of(preference_model.double())
    zeros = torch.zeros(preference_model.n_preferences).double()
    assert torch.equal(catalogue.scores(user, zeros), catalogue.scores(user))


@settings(max_examples=30, deadline=None)
@given(low=st.floats(0, 2), high=st.floats(0, 2), seed=st.integers(0, 50), strategy=st.sampled_from(["soft", "hard"]))
def test_a_weight_never_falls_as_its_multiplier_rises(low: float, high: float, seed: int, strategy: str) -> None:
    low, high = min(low, high), max(low, high)
    config = config_from("tup", {"embedding_size": 5, "n_preferences": 4, "strategy": strategy, "norm": "l2"})
    sizes = Sizes(1, 9, 0, 0, torch.empty(0, dtype=torch.int64))
    model = build("tup", config, sizes, torch.Generator().manual_seed(seed)).double()
    catalogue, user = Catalogue.of(model), user_of(model)
    weaker = catalogue.weights(user, multipliers(1, low, 1, 1))[:, 1]
    stronger = catalogue.weights(user, multipliers(1, high, 1, 1))[:, 1]
    assert bool((stronger >= weaker - 1e-12).all())


def test_the_fast_scores_are_the_literal_ones(preference_model: Any) -> None:
    model = preference_model.double()
    catalogue = Catalogue.of(model)
    factors, rows = torch.linspace(0, 2, model.n_preferences).double(), torch.arange(model.n_items)
    for row in range(model.n_users):
        user = user_of(model, row)
        literal = catalogue.literal_scores(user, rows, factors)
        torch.testing.assert_close(catalogue.scores(user, factors), literal, rtol=0, atol=1e-9)


def test_a_scan_without_steering_is_brute_force_bit_for_bit(preference_model: Any) -> None:
    model = preference_model.double()
    searcher = Searcher(model, PreferenceIndex.build(model, "hash"), 1)
    for row in range(model.n_users):
        for excluded in (NOBODY, np.array([1, 4, 9])):
            expected = searcher.brute_force(row, 5, excluded)
            found = scan(Catalogue.of(model), user_of(model, row), 5, excluded, torch.ones(model.n_preferences))
            assert found.rows.tolist() == expected.rows.tolist()
            assert found.scores.tolist() == expected.scores.tolist()


def test_blocks_are_the_catalogue_in_its_order(preference_model: Any) -> None:
    catalogue, user = Catalogue.of(preference_model), user_of(preference_model.double())
    pieces = list(catalogue.blocks(4))
    assert [len(piece.items) for piece in pieces] == [4, 4, 3]
    joined = torch.cat([piece.scores(user) for piece in pieces])
    torch.testing.assert_close(joined, catalogue.scores(user), rtol=0, atol=1e-12)


def test_a_scan_is_exhausted_by_what_remains_and_leaves_out_what_is_no_number() -> None:
    model = two_by_two("soft")
    assert scan(Catalogue.of(model), user_of(model), 5, np.array([0])).rows.tolist() == [1]
    with torch.no_grad():
        model.items[1] = float("nan")
    assert scan(Catalogue.of(model), user_of(model), 5, NOBODY).rows.tolist() == [0]


def test_equal_scores_keep_the_order_of_the_vocabulary() -> None:
    model = two_by_two("soft")
    with torch.no_grad():
        model.items[:] = model.items[0]
    assert scan(Catalogue.of(model), user_of(model), 1, NOBODY).rows.tolist() == [0]
    assert scan(Catalogue.of(model), user_of(model), 2, NOBODY).rows.tolist() == [0, 1]


@pytest.mark.parametrize("bad", [[1.0], [1.0, -0.1], [1.0, float("nan")], [1.0, float("inf")]])
def test_multipliers_that_are_none_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="multiplier"):
        check_multipliers(torch.tensor(bad), 2)
