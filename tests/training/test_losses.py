"""Each loss on two or three scores, worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from training.losses import bpr, margin, orthogonality, sampled_softmax

ALL, NONE = torch.tensor([True, True]), torch.tensor([False, False])


def scores(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_bpr_is_the_mean_of_minus_log_sigmoid_of_the_difference() -> None:
    # -log sigma(1) = log(1 + e^-1) = 0.313262;  -log sigma(0) = log 2 = 0.693147
    loss = bpr(scores(1.0, 0.5), scores(0.0, 0.5), ALL)
    assert loss.item() == pytest.approx((0.313262 + 0.693147) / 2, abs=1e-6)


def test_margin_is_zero_where_the_corrupted_triple_is_a_margin_behind() -> None:
    # distances 1 and 1.5, margin 1: 1 + 1 - 1.5 = 0.5;  distances 1 and 3: 1 + 1 - 3 < 0
    loss = margin(scores(-1.0, -1.0), scores(-1.5, -3.0), ALL, gamma=1.0)
    assert loss.item() == pytest.approx(0.25)


def test_orthogonality_sums_the_squared_cosines_of_translations_and_unit_normals() -> None:
    # (3, 4).(1, 0) = 3: 9 / 25;  (0, 2).(1, 0) = 0;  (0, 2).(0, 1) = 2: 4 / 4
    p, w = torch.tensor([[3.0, 4.0], [0.0, 2.0], [0.0, 2.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert orthogonality(p, w).item() == pytest.approx(0.36 + 0.0 + 1.0)


def test_the_orthogonality_of_a_zero_translation_is_zero_and_has_a_finite_gradient() -> None:
    p = torch.zeros(1, 2, requires_grad=True)
    loss = orthogonality(p, torch.tensor([[0.6, 0.8]]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert p.grad is not None
    assert p.grad.tolist() == [[0.0, 0.0]]


def test_softmax_sharpens_both_the_positive_and_its_negatives() -> None:
    # s = 2: e^0 = 1 against 1 and e^(-log 2) = 0.5: -log(1 / 2.5)
    negatives = scores(0.0, -0.5 * math.log(2)).reshape(1, 2)
    loss = sampled_softmax(scores(0.0), negatives, torch.tensor([[False, False]]), sharpness=2.0)
    assert loss.item() == pytest.approx(math.log(2.5))


def test_an_excluded_negative_counts_for_nothing_and_gets_no_gradient() -> None:
    negatives = scores(0.0, -0.5 * math.log(2))
    loss = sampled_softmax(scores(0.0), negatives.reshape(1, 2), torch.tensor([[True, False]]), sharpness=2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(math.log(1.5))
    # d/dy of log(1 + e^(2y)) at e^(2y) = 0.5 is 2 * 0.5 / 1.5
    assert negatives.grad is not None
    assert negatives.grad.tolist() == pytest.approx([0.0, 2 / 3])


@pytest.mark.parametrize("name", ["bpr", "margin", "softmax"])
def test_a_row_without_a_usable_negative_leaves_the_mean(name: str) -> None:
    only, both = torch.tensor([True]), torch.tensor([True, False])
    assert _loss(name, scores(0.2, 9.0), scores(0.1, 0.3), both) == _loss(name, scores(0.2), scores(0.1), only)


@pytest.mark.parametrize("name", ["bpr", "margin", "softmax"])
def test_without_any_usable_row_the_loss_is_zero_and_its_gradient_too(name: str) -> None:
    positive, negative = scores(0.2, -3.0), scores(0.1, 5.0)
    loss = _loss(name, positive, negative, NONE)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    for given in (positive, negative):
        assert given.grad is not None
        assert given.grad.tolist() == [0.0, 0.0]


def _loss(name: str, positive: Tensor, negative: Tensor, usable: Tensor) -> Tensor:
    if name == "bpr":
        return bpr(positive, negative, usable)
    if name == "margin":
        return margin(positive, negative, usable, gamma=1.0)
    return sampled_softmax(positive, negative.unsqueeze(1), ~usable.unsqueeze(1), sharpness=3.0)
