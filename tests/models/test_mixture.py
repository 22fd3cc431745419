"""The soft mixture, forward and backward, against autograd on the definition."""

from typing import Any

import pytest
import torch
from torch import Tensor

import models.factorised_mixture
import models.mixture
from models.factorised_mixture import factorised_mixture, fits
from models.mixture import soft_mixture, weighted_mixture

N_USERS, N_ITEMS, P, TAU = 5, 4, 3, 0.7


FORMS = pytest.mark.parametrize("form", [soft_mixture, weighted_mixture, factorised_mixture])


def mixture(tensors: list[Tensor], tau: float = TAU, form: Any = soft_mixture) -> Tensor:
    a_u, a_i, b_u, b_i, grams = tensors
    found: Tensor = form(a_u, a_i, b_u, b_i, grams, tau)
    return found


def tables(seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(N_USERS, P), (N_ITEMS, P), (N_USERS, P), (N_ITEMS, P), (3, P, P)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]


def definition(a_u: Tensor, a_i: Tensor, b_u: Tensor, b_i: Tensor, grams: Tensor) -> Tensor:
    a = ((a_u.unsqueeze(1) + a_i.unsqueeze(0)) / TAU).softmax(-1)
    s = (a * (a_u.unsqueeze(1) - a_i.unsqueeze(0))).sum(-1)
    t = (a * (b_u.unsqueeze(1) - b_i.unsqueeze(0))).sum(-1)
    q_pp, q_wp, q_ww = (torch.einsum("bnk,kl,bnl->bn", a, gram, a) for gram in grams)
    return 2 * s + q_pp - 2 * t * (t + q_wp) + q_ww * t.square()


@pytest.fixture(params=[1, 2 * N_ITEMS * P, 1 << 16], ids=["user by user", "two users", "all at once"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(models.mixture.BLOCK_ELEMENTS, "cpu", request.param)
    monkeypatch.setitem(models.factorised_mixture.BLOCK_ELEMENTS, "cpu", request.param // P)


@FORMS
@pytest.mark.usefixtures("block")
def test_values_and_gradients_are_those_of_the_definition(form: Any) -> None:
    given, factors = tables(), torch.linspace(-1, 1, N_USERS * N_ITEMS, dtype=torch.float64).view(N_USERS, N_ITEMS)
    found = mixture(given, form=form)
    torch.testing.assert_close(found, definition(*given))
    gradients = torch.autograd.grad((found * factors).sum(), given)
    expected = torch.autograd.grad((definition(*given) * factors).sum(), given)
    for gradient, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_logits_far_apart_do_not_overflow() -> None:
    given = [t.detach() * 1000 if k < 2 else t.detach() for k, t in enumerate(tables())]
    assert not fits(given[0], given[1], 0.01)
    assert torch.isfinite(mixture(given, 0.01)).all()


def test_products_are_used_as_long_as_the_square_of_their_divisor_is_a_normal_number() -> None:
    """float32 begins at about exp(-87): with a margin of 5, the two spreads may be 41 together."""
    users, items = torch.tensor([[0.0, 20.0]]), torch.tensor([[20.0, 0.0]])
    assert fits(users, items, 1.0)
    assert not fits(users, items + torch.tensor([[3.0, 0.0]]), 1.0)
    assert not fits(users, items, 0.5)
    at_the_edge = [users, items, torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(3, 2, 2)]
    torch.testing.assert_close(mixture(at_the_edge, 1.0), mixture(at_the_edge, 1.0, weighted_mixture))


def test_products_and_weights_agree_in_float32() -> None:
    given = [t.detach().float() for t in tables()]
    torch.testing.assert_close(mixture(given, form=factorised_mixture), mixture(given, form=weighted_mixture))


def test_no_users_or_no_items_give_an_empty_grid() -> None:
    a_u, a_i, b_u, b_i, grams = (t.detach() for t in tables())
    assert soft_mixture(a_u[:0], a_i, b_u[:0], b_i, grams, TAU).shape == (0, N_ITEMS)
    assert soft_mixture(a_u, a_i[:0], b_u, b_i[:0], grams, TAU).shape == (N_USERS, 0)
