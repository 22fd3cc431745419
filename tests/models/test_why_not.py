"""Why an item is not in the list, and changes that are tried before they are told."""

from typing import Any

import numpy as np
import pytest
import torch

from models.catalogue import Catalogue
from models.explanation.why_not import Adding, Person, Steering, rank_after, rank_of, why_not
from models.fold_in.users import FoldInSettings, UserFolding
from models.interface import Sizes
from models.registry import build, config_from
from models.retrieval.scan import scan
from tests.models.tiny import on_a_line, two_by_two, user_of

NOBODY = np.empty(0, dtype=np.int64)


def folding_of(catalogue: Catalogue) -> UserFolding:
    return UserFolding(catalogue, FoldInSettings(sharpness=1.0))


def person(vector: torch.Tensor, n_preferences: int, history: Any = (), excluded: Any = ()) -> Person:
    rows = (np.array(given, dtype=np.int64) for given in (history, excluded))
    return Person(vector, torch.ones(n_preferences, dtype=torch.float64), *rows)


def test_rank_gap_and_the_preference_that_fits_best() -> None:
    model = two_by_two("hard")
    catalogue = Catalogue.of(model)
    # Item 0 induces preference 0: 1. Item 1: phi = (1, 1), the first of equals: delta = (1, -1), w = (0, 1),
    # (1, 0) + (1, 0): 4. By preference 1 it would be w = (1, 0): (0, -1) + (0, 1): 0.
    found = why_not(catalogue, folding_of(catalogue), person(user_of(model), 2), 1, n=1)
    assert (found.rank, found.score, found.gap) == (2, -4.0, 3.0)
    assert (found.best_preference, found.best_score) == (1, 0.0)


def test_the_smallest_steering_is_proposed() -> None:
    model = two_by_two("hard")
    catalogue = Catalogue.of(model)
    # phi = (1, 1) for item 1: the second preference wins as soon as the first weighs less, and a step is 1/4.
    found = why_not(catalogue, folding_of(catalogue), person(user_of(model), 2), 1, n=1)
    assert found.change == Steering(preference=0, multiplier=0.75, size=0.25)


def test_an_item_that_is_in_the_list_needs_no_change() -> None:
    model = two_by_two("hard")
    catalogue = Catalogue.of(model)
    found = why_not(catalogue, folding_of(catalogue), person(user_of(model), 2), 0, n=1)
    assert (found.rank, found.gap, found.change) == (1, 0.0, None)


def test_where_no_steering_helps_the_nearest_item_is_added() -> None:
    catalogue = on_a_line(-0.5, 0.9, 0.8, -0.9)
    # At -1, item 3 (0.01) stands before item 2 (3.24). Whoever likes 0.9 too starts at 1, where item 2 is nearest.
    asked = person(torch.tensor([-1.0]).double(), 1, history=[0], excluded=[0])
    found = why_not(catalogue, folding_of(catalogue), asked, 2, n=1)
    assert found.rank == 2
    assert found.change == Adding((1,))
    assert rank_after(catalogue, folding_of(catalogue), asked, 2, found.change) == 1


def test_none_found_is_said_where_others_always_lie_nearer() -> None:
    # The ball ends at 1: whatever two items are added, one of 0.9, 0.8, 0.7 remains and lies nearer than 5.
    catalogue = on_a_line(-0.5, 0.9, 0.8, 0.7, 5.0)
    asked = person(torch.tensor([-1.0]).double(), 1, history=[0], excluded=[0])
    found = why_not(catalogue, folding_of(catalogue), asked, 4, n=1)
    assert (found.rank, found.change) == (4, None)


def test_excluded_items_take_no_place_but_the_item_that_is_asked_about_does() -> None:
    catalogue = on_a_line(0.1, 0.2, 0.3)
    asked = person(torch.zeros(1).double(), 1, excluded=[0, 2])
    assert why_not(catalogue, folding_of(catalogue), asked, 2, n=5).rank == 2


def test_equal_scores_stand_in_the_order_of_the_vocabulary() -> None:
    scores = np.array([3.0, 1.0, 3.0, 2.0])
    assert [rank_of(scores, item) for item in range(4)] == [1, 4, 2, 3]


def test_an_item_outside_of_the_catalogue_and_one_without_a_score_are_refused() -> None:
    catalogue = on_a_line(0.1, float("nan"))
    asked = person(torch.zeros(1).double(), 1)
    for row in (-1, 2):
        with pytest.raises(IndexError):
            why_not(catalogue, folding_of(on_a_line(0.1, 0.2)), asked, row, n=1)
    with pytest.raises(FloatingPointError):
        why_not(catalogue, folding_of(on_a_line(0.1, 0.2)), asked, 1, n=1)


@pytest.mark.parametrize("strategy", ["soft", "hard"])
def test_every_change_that_is_proposed_brings_the_item_into_the_list_when_it_is_applied(strategy: str) -> None:
    config = config_from("tup", {"embedding_size": 6, "n_preferences": 4, "strategy": strategy, "norm": "l2"})
    sizes = Sizes(6, 80, 0, 0, torch.empty(0, dtype=torch.int64))
    model: Any = build("tup", config, sizes, torch.Generator().manual_seed(5)).double()
    catalogue = Catalogue.of(model)
    folding, kinds = folding_of(catalogue), set()
    for row in range(6):
        history = np.arange(row, 80, 9)
        asked = person(user_of(model, row), 4, history, history)
        for item in np.setdiff1d(np.arange(row + 1, 80, 13), history).tolist():
            found = why_not(catalogue, folding, asked, item, n=10)
            kinds.add(type(found.change))
            if isinstance(found.change, Steering):
                factors = torch.ones(4).double()
                factors[found.change.preference] = found.change.multiplier
                assert item in scan(catalogue, asked.vector, 10, history, factors).rows
            elif isinstance(found.change, Adding):
                more = np.append(history, found.change.items)
                assert item in scan(catalogue, folding.fold(more), 10, more).rows
    assert {Adding, Steering} <= kinds
