"""Masked, alone, rebuilt: each against the equation by itself."""

import numpy as np
import pytest
import torch

from models.catalogue import Catalogue
from models.explanation.evidence import rank_ties_by_drop
from models.explanation.places import Place, Places, margin, rebuilt_score
from models.interface import Sizes
from models.registry import build, config_from
from tests.models.tiny import two_by_two, user_of

NOTHING = np.empty(0, dtype=np.int64)


def random_model(strategy: str, norm: str, **changes: object) -> torch.nn.Module:
    settings = {"embedding_size": 6, "n_preferences": 4, "strategy": strategy, "norm": norm, **changes}
    sizes = Sizes(2, 25, 0, 0, torch.empty(0, dtype=torch.int64))
    return build("tup", config_from("tup", settings), sizes, torch.Generator().manual_seed(2)).double()


def test_places_by_hand() -> None:
    # Hard: item 0 induces preference 0: 1. Item 1: 4 by preference 0, 0 by preference 1 (tests/models/test_why_not.py).
    # Item 0 by preference 1: delta = (0, -1), w = (1, 0) leaves it, + (0, 1): 0.
    places = Places(Catalogue.of(two_by_two("hard")), user_of(two_by_two("hard")), [0, 1], NOTHING)
    assert places.as_they_are() == [Place(-1.0, 1), Place(-4.0, 2)]
    assert places.without(0) == places.only(1) == [Place(0.0, 1), Place(0.0, 2)]
    assert places.only(0) == [Place(-1.0, 1), Place(-4.0, 2)]


@pytest.mark.parametrize("norm", ["l2", "l1"])
@pytest.mark.parametrize(("strategy", "changes"), [("soft", {}), ("hard", {}), ("soft", {"attention": "raw"})])
def test_masking_and_leaving_one_alone_are_multipliers_of_0(strategy: str, norm: str, changes: dict[str, str]) -> None:
    model = random_model(strategy, norm, **changes)
    catalogue, user, rows = Catalogue.of(model), user_of(model, 1), list(range(25))
    places = Places(catalogue, user, rows, NOTHING)
    for k in range(4):
        alone = torch.eye(4, dtype=torch.float64)[k]
        for found, multipliers in ((places.without(k), 1 - alone), (places.only(k), alone)):
            scores = catalogue.scores(user, multipliers)
            assert [place.score for place in found] == pytest.approx(scores.tolist(), abs=1e-9)
            by_rank = [row for _, row in sorted((place.rank, row) for row, place in enumerate(found))]
            assert by_rank == torch.argsort(-scores, stable=True).tolist()


def test_excluded_items_take_no_rank_but_an_excluded_item_has_its_own() -> None:
    model = random_model("soft", "l2")
    catalogue, user = Catalogue.of(model), user_of(model)
    order = torch.argsort(-catalogue.scores(user), stable=True).tolist()
    places = Places(catalogue, user, [order[1], order[4]], np.array([order[0], order[1], order[2]]))
    assert [place.rank for place in places.as_they_are()] == [1, 2]


def test_steering_goes_on_where_a_preference_is_masked() -> None:
    model = random_model("soft", "l2")
    catalogue, user = Catalogue.of(model), user_of(model)
    steered = torch.tensor([2.0, 0.5, 1.0, 0.0], dtype=torch.float64)
    places = Places(catalogue, user, [3], NOTHING, steered)
    masked = steered * torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    assert places.without(0)[0].score == pytest.approx(float(catalogue.scores(user, masked)[3]), abs=1e-9)


def test_a_single_preference_has_nothing_to_fall_back_on() -> None:
    model = random_model("soft", "l2", n_preferences=1)
    places = Places(Catalogue.of(model), user_of(model), [3], NOTHING)
    assert places.without(0) == places.as_they_are()


@pytest.mark.parametrize("strategy", ["soft", "hard"])
@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_the_weights_that_are_told_rebuild_the_score(strategy: str, norm: str) -> None:
    model = random_model(strategy, norm)
    catalogue, user = Catalogue.of(model), user_of(model)
    weights, scores = catalogue.weights(user), catalogue.scores(user)
    for row in range(25):
        assert rebuilt_score(catalogue, user, row, weights[row]) == pytest.approx(float(scores[row]), abs=1e-5)
    # Other weights make another score.
    assert abs(rebuilt_score(catalogue, user, 0, weights[0].roll(1)) - float(scores[0])) > 1e-4


def test_the_margin_is_between_the_induced_preference_and_the_second() -> None:
    # phi of item 0 is (2, 1), of item 1 (1, 1).
    model = two_by_two("hard")
    catalogue, user = Catalogue.of(model), user_of(model)
    assert (margin(catalogue, user, 0), margin(catalogue, user, 1)) == (1.0, 0.0)
    # m = (1/2, 1): 2 + log 1/2 - 1.
    assert margin(catalogue, user, 0, torch.tensor([0.5, 1.0]).double()) == pytest.approx(1 + np.log(0.5))
    assert margin(catalogue, user, 0, torch.tensor([1.0, 0.0]).double()) is None
    assert margin(Catalogue.of(two_by_two("soft")), user, 0) is None


class Tied:
    def __init__(self, history_item: str, relation_id: str, fan: int) -> None:
        self.history_item, self.relation_id, self.fan = history_item, relation_id, fan


def test_ties_stand_by_relation_then_drop_then_fan() -> None:
    ties = [Tied("a", "genre", 9), Tied("b", "genre", 1), Tied("c", "genre", 2), Tied("d", "director", 5)]
    ties += [Tied("a", "director", 7), Tied("e", "genre", 3)]
    found = rank_ties_by_drop(ties, {"genre": 0.7, "director": 0.3}, {"a": 0.1, "c": 0.4}, limit=4)
    # Without a known drop, b is the more specific; a is told once, by the relation that weighs more.
    assert [(tie.history_item, tie.relation_id) for tie in found] == [
        ("c", "genre"),
        ("a", "genre"),
        ("b", "genre"),
        ("e", "genre"),
    ]
