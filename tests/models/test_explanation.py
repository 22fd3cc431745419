"""Attribution and the choice of evidence."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from models.explanation.attribution import attribute, attribute_pairs
from models.explanation.evidence import rank_ties
from models.interface import Sizes
from models.registry import build, config_from


def test_weights_rebuild_the_score(preference_model: Any) -> None:
    rows = np.arange(preference_model.n_items)
    found = attribute(preference_model, 2, rows)
    literal = preference_model.score_pairs(torch.full((len(rows),), 2), torch.from_numpy(rows))
    assert found.scores == pytest.approx(literal.detach().numpy(), abs=1e-5)
    rebuilt = preference_model.score_with_weights(
        torch.full((len(rows),), 2), torch.from_numpy(rows), torch.from_numpy(found.weights).float()
    )
    assert rebuilt.detach().numpy() == pytest.approx(found.scores, abs=1e-5)


@pytest.mark.parametrize("n", [1, 10, 48, 49, 130])
@torch.no_grad()
def test_a_pair_among_many_is_attributed_to_the_last_bit_as_alone(preference_model: Any, n: int) -> None:
    model, draw = preference_model.double(), np.random.default_rng(n)
    users, items = draw.integers(0, model.n_users, n), draw.integers(0, model.n_items, n)
    many = attribute_pairs(model, users, items)
    for k in range(n):
        one = attribute(model, int(users[k]), items[k : k + 1])
        assert many.weights[k].tolist() == one.weights[0].tolist()
        assert (many.scores[k], many.scores_without_top[k]) == (one.scores[0], one.scores_without_top[0])


def test_no_pair_has_no_attribution(preference_model: Any) -> None:
    none = np.empty(0, np.int64)
    found = attribute_pairs(preference_model, none, none)
    assert (found.weights.shape, found.scores.shape) == ((0, preference_model.n_preferences), (0,))


def test_the_score_without_the_first_is_that_of_the_second_in_hard_induction() -> None:
    config = config_from("tup", {"embedding_size": 2, "n_preferences": 2, "strategy": "hard", "norm": "l2"})
    model: Any = build("tup", config, Sizes(1, 1, 0, 0, torch.empty(0, dtype=torch.int64)), torch.Generator())
    with torch.no_grad():
        model.users.copy_(torch.tensor([[1.0, 0.0]]))
        model.items.copy_(torch.tensor([[1.0, 1.0]]))
        model.preferences.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        model.preference_normals.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    found = attribute(model, 0, np.array([0]))
    # k = 0: w = (0, 1), delta_perp = (0, 0), + p = (1, 0): 1.  Without it k = 1: w = (1, 0),
    # delta = (0, -1), delta_perp = (0, -1), + p = (0, 0): 0.
    assert found.weights.tolist() == [[1.0, 0.0]]
    assert found.scores.tolist() == [-1.0]
    assert found.scores_without_top.tolist() == [0.0]


def test_a_single_preference_has_nothing_to_fall_back_on() -> None:
    config = config_from("tup", {"embedding_size": 2, "n_preferences": 1, "norm": "l2"})
    model: Any = build("tup", config, Sizes(1, 2, 0, 0, torch.empty(0, dtype=torch.int64)), torch.Generator())
    found = attribute(model, 0, np.array([0, 1]))
    assert found.scores_without_top.tolist() == found.scores.tolist()


@dataclass(frozen=True)
class Tie:
    history_item: str
    relation_id: str
    fan: int


def test_evidence_is_ordered_by_share_then_by_how_specific_it_is() -> None:
    ties = [Tie("a", "genre", 90), Tie("b", "director", 7), Tie("c", "director", 4), Tie("d", "unheard-of", 1)]
    ranked = rank_ties(ties, {"genre": 0.2, "director": 0.7}, limit=9)
    assert [tie.history_item for tie in ranked] == ["c", "b", "a", "d"]


def test_a_history_item_is_cited_once_by_its_best_tie() -> None:
    ties = [Tie("a", "genre", 90), Tie("a", "director", 7), Tie("b", "genre", 90)]
    ranked = rank_ties(ties, {"genre": 0.2, "director": 0.7}, limit=2)
    assert [(tie.history_item, tie.relation_id) for tie in ranked] == [("a", "director"), ("b", "genre")]
