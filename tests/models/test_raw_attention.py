"""Raw attention: weights that are dot products as they are, by hand, and its algebra against the definition."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.explanation.attribution import attribute
from models.interface import Sizes
from models.linear_mixture import linear_mixture
from models.registry import build, config_from

ONE = torch.tensor([0])
SIZES = Sizes(1, 1, 1, 2, torch.tensor([0]))
"""One user, one item that is the only entity, two relations."""

TUP: dict[str, list[list[float]]] = {
    "users": [[1, 0]],
    "items": [[1, 1]],
    "preferences": [[1, 0], [0, 1]],
    "preference_normals": [[0, 1], [1, 0]],
}
OPPOSED: dict[str, list[list[float]]] = {**TUP, "items": [[0, 0]], "preferences": [[0.5, 0], [-1, 0]]}
KTUP: dict[str, list[list[float]]] = {
    "users": [[1, 0]],
    "items": [[1, 0]],
    "entities": [[0, 1]],
    "relations": [[0.5, 0], [0, 0.5]],
    "relation_normals": [[0, 1], [1, 0]],
    "preferences": [[0.5, 0], [0, 0.5]],
    "preference_normals": [[1, 0], [0, 1]],
}


def model(name: str, tables: dict[str, list[list[float]]], **settings: Any) -> Any:
    config = config_from(name, {"embedding_size": 2, "norm": "l2", "attention": "raw", **settings})
    made = build(name, config, SIZES, torch.Generator())
    with torch.no_grad():
        for table, rows in tables.items():
            getattr(made, table).copy_(torch.tensor(rows))
    return made


@pytest.mark.parametrize(("norm", "expected"), [("l1", 2.0), ("l2", 2.5)])
def test_tup_weighs_by_half_of_phi(norm: str, expected: float) -> None:
    # phi = (2, 1): a = (1, 0.5), p = (1, 0.5), w = (0.5, 1). u - i = (0, -1) = delta; w.delta = -1;
    # delta_perp = (0.5, 0); + p = (1.5, 0.5)
    tup = model("tup-soft", TUP, norm=norm, n_preferences=2)
    assert tup.preference_weights(ONE, ONE).tolist() == [[1.0, 0.5]]
    assert tup.score_pairs(ONE, ONE).item() == pytest.approx(-expected)
    assert tup.score_items(ONE).item() == pytest.approx(-expected)


@pytest.mark.parametrize(
    ("combine", "weights", "expected"),
    [
        # i^ = (1, 1), p^ = ((1, 0), (0, 1)), w^ = (1, 1) twice. phi = (2, 1): a = phi / 2, p = (1, 0.5),
        # w = (1.5, 1.5). delta = (0, -1), w.delta = -1.5; delta_perp = (2.25, 1.25); + p = (3.25, 1.75)
        ("sum", [1.0, 0.5], 13.625),
        # i^ = (1, 1), p^ = ((0.5, 0), (0, 0.5)), w^ = (0.5, 0.5) twice. a = phi = (1, 0.5), p = (0.5, 0.25),
        # w = (0.75, 0.75). w.delta = -0.75; delta_perp = (0.5625, -0.4375); + p = (1.0625, -0.1875)
        ("mean-preferences", [1.0, 0.5], 1.1640625),
        # i^ = (0.5, 0.5). a = phi = (1.5, 0.5).p^ = (0.75, 0.25), p = (0.375, 0.125), w = (0.5, 0.5).
        # delta = (0.5, -0.5), w.delta = 0; + p = (0.875, -0.375)
        ("mean", [0.75, 0.25], 0.90625),
    ],
)
def test_ktup_weighs_by_the_dot_product_with_half_of_each_sum(
    combine: str, weights: list[float], expected: float
) -> None:
    ktup = model("ktup-soft", KTUP, combine=combine)
    assert ktup.preference_weights(ONE, ONE).tolist() == [weights]
    assert ktup.score_pairs(ONE, ONE).item() == pytest.approx(-expected)
    assert ktup.score_items(ONE).item() == pytest.approx(-expected)


def test_the_heaviest_preference_may_have_a_negative_weight_and_is_the_one_left_out() -> None:
    # phi = (0.5, -1): a = (0.25, -0.5), p = (0.625, 0), w = (-0.5, 0.25). delta = (1, 0), w.delta = -0.5;
    # delta_perp = (0.75, 0.125); + p = (1.375, 0.125): 1.90625.
    # Without the second: p = (0.125, 0), w = (0, 0.25), w.delta = 0; (1.125, 0): 1.265625
    found = attribute(model("tup-soft", OPPOSED, n_preferences=2), 0, np.array([0]))
    assert found.weights.tolist() == [[0.25, -0.5]]
    assert found.scores.tolist() == [-1.90625]
    assert found.scores_without_top.tolist() == [-1.265625]


@pytest.mark.parametrize("name", ["tup-hard", "ktup-hard"])
def test_hard_induction_refuses_raw_attention(name: str) -> None:
    with pytest.raises(ValueError, match=r"^model\.attention: 'raw' is for soft induction"):
        config_from(name, {"attention": "raw"})


def test_raw_attention_has_no_temperature() -> None:
    with pytest.raises(ValueError, match=r"^model\.temperature: 0\.5 divides phi before a softmax"):
        config_from("ktup-soft", {"attention": "raw", "temperature": 0.5})


def test_raw_attention_has_no_scale_of_preferences() -> None:
    with pytest.raises(ValueError, match=r"^model\.preference_scale: raw attention"):
        config_from("tup-soft", {"attention": "raw", "preference_scale": 0.5})


N_USERS, N_ITEMS, P, SCALE = 5, 4, 3, 0.7


def products() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(N_USERS, P), (N_ITEMS, P), (N_USERS, P), (N_ITEMS, P), (3, P, P)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]


def definition(a_u: Tensor, a_i: Tensor, b_u: Tensor, b_i: Tensor, grams: Tensor) -> Tensor:
    a = SCALE * (a_u.unsqueeze(1) + a_i.unsqueeze(0))
    s = (a * (a_u.unsqueeze(1) - a_i.unsqueeze(0))).sum(-1)
    t = (a * (b_u.unsqueeze(1) - b_i.unsqueeze(0))).sum(-1)
    q_pp, q_wp, q_ww = (torch.einsum("bnk,kl,bnl->bn", a, gram, a) for gram in grams)
    return 2 * s + q_pp - 2 * t * (t + q_wp) + q_ww * t.square()


def test_the_mixture_and_its_gradients_are_those_of_the_definition() -> None:
    given, factors = products(), torch.linspace(-1, 1, N_USERS * N_ITEMS, dtype=torch.float64).view(N_USERS, N_ITEMS)
    a_u, a_i, b_u, b_i, grams = given
    found = linear_mixture(a_u, a_i, b_u, b_i, grams, SCALE)
    torch.testing.assert_close(found, definition(*given))
    gradients = torch.autograd.grad((found * factors).sum(), given)
    expected = torch.autograd.grad((definition(*given) * factors).sum(), given)
    for gradient, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_no_users_or_no_items_give_an_empty_grid() -> None:
    a_u, a_i, b_u, b_i, grams = (t.detach() for t in products())
    assert linear_mixture(a_u[:0], a_i, b_u[:0], b_i, grams, SCALE).shape == (0, N_ITEMS)
    assert linear_mixture(a_u, a_i[:0], b_u, b_i[:0], grams, SCALE).shape == (N_USERS, 0)
