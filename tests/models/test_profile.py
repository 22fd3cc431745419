"""A person's preferences by what the attention used on their history."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from models.catalogue import Catalogue
from models.explanation.profile import preference_profile
from tests.models.tiny import two_by_two, user_of


def test_soft_weights_are_means_over_the_history() -> None:
    model = two_by_two("soft")
    # Item 0: phi = (2, 1), so e : 1. Item 1: phi = (1, 1), halves.
    first = math.e / (1 + math.e)
    found = preference_profile(Catalogue.of(model), user_of(model), np.array([1, 0]))
    assert [p.preference for p in found] == [0, 1]
    assert [p.weight for p in found] == pytest.approx([(first + 0.5) / 2, (1.5 - first) / 2])
    assert [p.share for p in found] == pytest.approx([p.weight for p in found])
    assert found[0].behind == (0, 1)
    assert found[1].behind == (1, 0)
    assert found[0].behind_weights == pytest.approx((first, 0.5))


def test_hard_weights_count_who_induced_what() -> None:
    model = two_by_two("hard")
    found = preference_profile(Catalogue.of(model), user_of(model), np.array([0, 1]), torch.tensor([0.9, 1.0]).double())
    # With odds 0.9 : 1, item 0 (phi 2, 1) still induces the first, item 1 (phi 1, 1) the second.
    assert [(p.preference, p.weight, p.share, p.behind) for p in found] == [(0, 0.5, 0.5, (0,)), (1, 0.5, 0.5, (1,))]


def test_an_item_of_weight_zero_stands_behind_nothing_and_an_empty_history_says_nothing() -> None:
    model = two_by_two("hard")
    found = preference_profile(Catalogue.of(model), user_of(model), np.array([0]))
    assert [(p.preference, p.share, p.behind) for p in found] == [(0, 1.0, (0,)), (1, 0.0, ())]
    assert preference_profile(Catalogue.of(model), user_of(model), np.empty(0, dtype=np.int64)) == []


def test_weights_are_those_of_the_scorer_and_shares_sum_to_one(preference_model: Any) -> None:
    model, history = preference_model.double(), np.array([1, 4, 6])
    found = preference_profile(Catalogue.of(model), user_of(model, 2), history, behind=2)
    used = model.preference_weights(torch.full((3,), 2), torch.from_numpy(history)).detach().numpy()
    assert {p.preference: p.weight for p in found} == pytest.approx(dict(enumerate(used.mean(0))))
    assert sum(p.share for p in found) == pytest.approx(1.0)
    assert all(len(p.behind) <= 2 and set(p.behind) <= {1, 4, 6} for p in found)
