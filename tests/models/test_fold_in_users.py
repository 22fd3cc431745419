"""People folded in from what they like, with the item side fixed."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalogue import Catalogue
from models.fold_in.slope import scores_and_pull
from models.fold_in.users import FoldInSettings, UserFolding
from models.interface import Sizes
from models.preferences import PreferenceSpace
from models.registry import build, config_from
from tests.models.tiny import on_a_line
from training.losses import listwise


def made(n_items: int = 60, **values: Any) -> Any:
    config = config_from("tup", {"embedding_size": 8, "n_preferences": 3, "norm": "l2", **values})
    sizes = Sizes(5, n_items, 0, 0, torch.empty(0, dtype=torch.int64))
    return build("tup", config, sizes, torch.Generator().manual_seed(2)).double()


def loss_of(folding: UserFolding, user: torch.Tensor, rows: torch.Tensor) -> float:
    return folding._slope(user.detach().float(), both_of(folding, rows), torch.isin(folding._drawn, rows))[0]


def both_of(folding: UserFolding, rows: torch.Tensor) -> Catalogue:
    """The negatives, then what is liked."""
    return folding._negatives.joined(folding._catalogue.part(rows).to(torch.float32))


def test_the_pull_of_scores_is_their_gradient(preference_model: Any) -> None:
    catalogue = Catalogue.of(preference_model)
    for row in range(preference_model.n_users):
        user = preference_model.users[row].detach().double().requires_grad_()
        upstream = torch.linspace(-1, 2, preference_model.n_items).double()
        (expected,) = torch.autograd.grad(catalogue.scores(user), user, upstream)
        scores, pull = scores_and_pull(catalogue, user.detach())
        torch.testing.assert_close(scores, catalogue.scores(user).detach())
        torch.testing.assert_close(pull(upstream), expected)


def test_the_slope_is_that_of_the_loss() -> None:
    model, rows = made(), torch.tensor([3, 7, 20])
    folding = UserFolding(Catalogue.of(model), FoldInSettings(sharpness=4.0, negatives=60))
    user, taken = model.users[1].detach().requires_grad_(), torch.isin(torch.arange(60), rows)
    scores = 4.0 * Catalogue.of(model).scores(user)
    loss = listwise(scores[rows], scores[~taken].logsumexp(0).expand(3), torch.ones(3))
    (expected,) = torch.autograd.grad(loss, user)
    _, direction = folding._slope(user.detach().float(), both_of(folding, rows), taken)
    torch.testing.assert_close(direction(), (expected / expected.norm()).float(), rtol=1e-4, atol=1e-5)


def test_the_loss_is_that_of_the_listwise_objective() -> None:
    model, rows = made(), torch.tensor([3, 7, 20])
    taken = torch.isin(torch.arange(60), rows)
    scores = 4.0 * model.score_items(torch.tensor([1]))[0]
    expected = listwise(scores[rows], scores[~taken].logsumexp(0).expand(3), torch.ones(3))
    folding = UserFolding(Catalogue.of(model), FoldInSettings(sharpness=4.0, negatives=60))
    assert loss_of(folding, model.users[1], rows) == pytest.approx(expected.item(), rel=1e-5)


def test_one_who_likes_one_end_of_a_line_walks_to_the_end_of_the_ball() -> None:
    folding = UserFolding(on_a_line(0.5, -0.5), FoldInSettings(sharpness=1.0))
    # L = softplus((u - 0.5)^2 - (u + 0.5)^2) = softplus(-2u) falls with u, so |u| <= 1 decides: u = 1.
    assert folding.fold(np.array([0])).item() == pytest.approx(1.0)
    assert folding.fold(np.array([1])).item() == pytest.approx(-1.0)


def test_one_who_likes_both_sides_stays_where_the_loss_is_least_inside_of_the_ball() -> None:
    # Likes -0.6 and 0.6 + 0.2; the others lie at -1.5 and 1.7, around the same centre 0.1: u = 0.1 by symmetry.
    settings_ = FoldInSettings(sharpness=2.0, evaluations=60, tolerance=0.0)
    folding = UserFolding(on_a_line(-0.6, 0.8, -1.5, 1.7), settings_)
    assert folding.fold(np.array([0, 1])).item() == pytest.approx(0.1, abs=1e-3)


def test_one_history_is_one_vector_in_any_order_and_however_often_an_item_stands_in_it() -> None:
    folding = UserFolding(Catalogue.of(made()), FoldInSettings())
    first = folding.fold(np.array([3, 7, 20]))
    assert torch.equal(folding.fold(np.array([20, 3, 7, 3])), first)
    assert torch.equal(UserFolding(Catalogue.of(made()), FoldInSettings()).fold(np.array([3, 7, 20])), first)


@settings(max_examples=25, deadline=None)
@given(
    history=st.sets(st.integers(0, 39), min_size=1, max_size=40),
    strategy=st.sampled_from(["soft", "hard"]),
    norm=st.sampled_from(["l1", "l2"]),
)
def test_every_fold_lies_in_the_unit_ball_and_is_no_worse_than_its_start(
    history: set[int], strategy: str, norm: str
) -> None:
    catalogue = Catalogue.of(made(40, strategy=strategy, norm=norm))
    rows = np.array(sorted(history))
    folding = UserFolding(catalogue, FoldInSettings())
    found = folding.fold(rows)
    assert found.norm() <= 1.0 + 1e-12
    assert bool(torch.isfinite(found).all())
    mean = catalogue.items[torch.from_numpy(rows)].mean(0)
    start = loss_of(folding, mean / mean.norm(), torch.from_numpy(rows))
    assert loss_of(folding, found, torch.from_numpy(rows)) <= start + 1e-5


def test_drawn_negatives_stand_for_all() -> None:
    # 2,000 items at 0 and the liked one at 0.5. At u = 0 each of the others scores 0 and the liked one -0.25, so that
    # softplus(log 2000 + 0.25) = log(1 + 2000 e^0.25), whichever 100 are drawn.
    folding = UserFolding(on_a_line(*[0.0] * 2000, 0.5), FoldInSettings(sharpness=1.0, negatives=100))
    loss = loss_of(folding, torch.zeros(1), torch.tensor([2000]))
    assert loss == pytest.approx(math.log1p(2000 * math.exp(0.25)), rel=1e-5)


def test_who_likes_everything_is_folded_in_too() -> None:
    found = UserFolding(on_a_line(0.5, -0.5), FoldInSettings()).fold(np.array([0, 1]))
    assert bool(torch.isfinite(found).all())


def test_an_empty_history_and_a_row_outside_the_catalogue_are_refused() -> None:
    folding = UserFolding(on_a_line(0.5, -0.5), FoldInSettings())
    with pytest.raises(ValueError, match="empty history"):
        folding.fold(np.empty(0, dtype=np.int64))
    for row in (-1, 2):
        with pytest.raises(IndexError):
            folding.fold(np.array([0, row]))


def test_settings_that_cannot_be_walked_with_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        FoldInSettings(sharpness=0.0)


def test_a_planted_taste_is_found_again() -> None:
    """Items in two groups; who likes some of a group gets the rest of it first."""
    generator = torch.Generator().manual_seed(1)
    centres = torch.nn.functional.normalize(torch.randn(2, 32, generator=generator).double(), dim=1)
    items = centres.repeat_interleave(1500, 0) + 0.05 * torch.randn(3000, 32, generator=generator).double()
    preferences, normals = 0.1 * torch.randn(2, 20, 32, generator=generator).double()
    space = PreferenceSpace(preferences, normals, "soft", "l2", 1.0)
    catalogue = Catalogue.over(space, items)
    folding = UserFolding(catalogue, FoldInSettings(sharpness=4.0))
    user = folding.fold(np.arange(0, 1500, 100))
    assert bool((catalogue.scores(user).topk(1000).indices < 1500).all())


def test_a_trained_vector_without_anything_new_is_left_as_it_is_to_the_last_bit() -> None:
    model = made()
    folding, trained = UserFolding(Catalogue.of(model), FoldInSettings()), model.users[1].detach()
    moved = folding.moved(trained, np.array([3, 7]), np.array([], dtype=np.int64))
    assert torch.equal(moved, trained)


def test_a_trained_vector_goes_as_far_as_the_history_is_new() -> None:
    model = made()
    folding, trained = UserFolding(Catalogue.of(model), FoldInSettings(pace=2.0)), model.users[1].detach()
    old, new = np.arange(10, 19), np.array([3])
    folded = folding.fold(np.append(old, new))
    # One of ten is new: a fifth of the way. Items that were met before and again count as new.
    expected = 0.8 * trained + 0.2 * folded
    torch.testing.assert_close(folding.moved(trained, old, new), expected / expected.norm().clamp_min(1.0))
    torch.testing.assert_close(
        folding.moved(trained, np.append(old, 3), np.array([3, 3])), folding.moved(trained, old, new)
    )
    # From one half on, nothing is left of the trained one.
    torch.testing.assert_close(folding.moved(trained, old[:3], old[1:4]), folding.fold(old[:4]))


def test_a_moved_vector_scores_new_likes_higher() -> None:
    model = made()
    catalogue, rises = Catalogue.of(model), 0
    folding = UserFolding(catalogue, FoldInSettings(sharpness=4.0))
    for user in range(5):
        trained, new = model.users[user].detach(), np.array([40, 41, 42])
        moved = folding.moved(trained, np.arange(10), new)
        before, after = (catalogue.scores(vector)[new].mean() for vector in (trained, moved))
        rises += int(after > before)
    assert rises == 5
