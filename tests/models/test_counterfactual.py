"""What a person would have to take back for an item to leave their list: true, minimal, and told only then."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalogue import Catalogue
from models.explanation.counterfactual import LARGEST, Counterfactual, counterfactual, is_out
from models.explanation.leaving_out import NOTHING, LeavingOut, OutOfSolves, score_drops
from models.fold_in.users import FoldInSettings, UserFolding
from models.interface import Sizes
from models.registry import build, config_from
from tests.models.tiny import on_a_line

N_ITEMS = 30


def rows(*of: int) -> Any:
    return np.array(of, dtype=np.int64)


def leaving(catalogue: Catalogue, history: Any, excluded: Any = None, **changes: Any) -> LeavingOut:
    folding = UserFolding(catalogue, FoldInSettings(sharpness=2.0))
    return LeavingOut(catalogue, folding, history, history if excluded is None else excluded, **changes)


def random_catalogue(strategy: str, norm: str, seed: int) -> Catalogue:
    settings = {"embedding_size": 6, "n_preferences": 3, "strategy": strategy, "norm": norm, "temperature": 0.3}
    sizes = Sizes(1, N_ITEMS, 0, 0, torch.empty(0, dtype=torch.int64))
    return Catalogue.of(build("tup", config_from("tup", settings), sizes, torch.Generator().manual_seed(seed)))


def best_of(asked: LeavingOut, n: int) -> list[int]:
    scores = asked.open_scores(int(asked.history[0]))
    scores[asked.history] = -np.inf
    return [int(row) for row in np.argsort(-scores, kind="stable")[:n]]


def test_the_one_action_that_holds_an_item_up_is_found() -> None:
    # Of 0.9 and -0.5 the mean is 0.2: on the right, where 0.7 is first. Of -0.5 alone: on the left, where -0.8 is.
    asked = leaving(on_a_line(0.9, -0.5, 0.7, -0.8), rows(0, 1))
    found = counterfactual(asked, 2, n=1)
    assert (found.remove, found.reference_rank, found.rank, found.reason) == ((0,), 1, 2, None)


def test_an_item_that_is_not_in_the_list_of_the_reference_is_told_as_such() -> None:
    asked = leaving(on_a_line(0.9, 0.8, -0.8), rows(0))
    found = counterfactual(asked, 2, n=1)
    assert found == Counterfactual((), reference_rank=2, rank=2, solves=1, reason="not_in_reference")


def test_a_trained_vector_is_the_reference_and_moves_by_what_two_fold_ins_differ_by() -> None:
    catalogue = random_catalogue("soft", "l2", seed=3)
    own = 0.5 * torch.ones(6, dtype=torch.float64) / 6**0.5
    folded, trained = leaving(catalogue, rows(1, 2, 3)), leaving(catalogue, rows(1, 2, 3), own=own)
    assert torch.equal(trained.vector(), own)
    assert trained.solves == 0
    without = frozenset({2})
    expected = own + folded.vector(without) - folded.vector()
    assert torch.allclose(trained.vector(without), expected / expected.norm().clamp_min(1.0))
    assert trained.solves == 2


def test_every_item_of_a_list_by_a_trained_vector_can_be_asked_about() -> None:
    catalogue = random_catalogue("soft", "l2", seed=3)
    own = torch.tensor([0.9, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    asked = leaving(catalogue, rows(1, 2, 3), own=own)
    assert all(counterfactual(asked, item, n=5).reason != "not_in_reference" for item in best_of(asked, 5))


def test_who_has_one_action_keeps_it() -> None:
    asked = leaving(on_a_line(0.9, 0.8, -0.8), rows(0))
    assert counterfactual(asked, 1, n=1).reason == "too_few_actions"


def test_nothing_pushes_an_item_out_of_a_list_as_long_as_the_catalogue() -> None:
    asked = leaving(random_catalogue("soft", "l2", 1), rows(1, 2, 3))
    found = counterfactual(asked, best_of(asked, 1)[0], n=N_ITEMS)
    assert (found.found, found.remove, found.reason) == (False, (), "none_found")


def test_a_removed_item_takes_no_place_in_the_list() -> None:
    # Were 0.9 open once it is removed, it would push 0.8 out itself; as it is, 0.8 stays first for who likes 0.7.
    asked = leaving(on_a_line(0.9, 0.7, 0.8, -0.8), rows(0, 1))
    assert counterfactual(asked, 2, n=1).reason == "none_found"


def test_no_more_is_solved_than_allowed_and_nothing_half_proven_is_told() -> None:
    asked = leaving(random_catalogue("soft", "l2", 3), rows(*range(12)))
    item = best_of(asked, 5)[4]
    whole = counterfactual(leaving(asked.catalogue, asked.history), item, 5)
    assert whole.found
    assert whole.solves > 1
    # The reference is solved for already; nothing may be left out.
    cut = counterfactual(asked, item, 5, solves=0)
    assert (cut.reason, cut.remove, cut.solves) == ("too_many_solves", (), 0)
    # What was cut off may be asked again.
    assert counterfactual(asked, item, 5).remove == whole.remove


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["soft", "hard"]),
    st.sampled_from(["l2", "l1"]),
    st.integers(0, 10_000),
    st.sets(st.integers(0, N_ITEMS - 1), min_size=2, max_size=9),
    st.integers(1, 6),
)
def test_removal_pushes_out_and_no_item_of_it_can_be_spared(
    strategy: str, norm: str, seed: int, history: set[int], n: int
) -> None:
    catalogue, liked = random_catalogue(strategy, norm, seed), rows(*sorted(history))
    asked = leaving(catalogue, liked)
    for item in best_of(asked, n):
        found = counterfactual(asked, item, n)
        fresh = leaving(catalogue, liked)
        removed = frozenset(found.remove)
        assert removed <= history
        assert (found.reason is None) == bool(removed)
        if found.found:
            assert len(removed) < len(history)
            assert is_out(fresh, item, n, removed)
            assert fresh.rank(item, removed) == found.rank > n >= found.reference_rank
            assert not any(is_out(fresh, item, n, removed - {row}) for row in removed)


def test_two_searches_find_the_same() -> None:
    found = [
        counterfactual(leaving(random_catalogue("soft", "l2", 5), rows(*range(10))), item, 4)
        for _ in range(2)
        for item in (12, 15, 20)
    ]
    assert found[:3] == found[3:]


def test_sets_are_found_for_most_items_at_the_end_of_a_list() -> None:
    found = 0
    for seed in range(20):
        asked = leaving(random_catalogue("soft", "l2", seed), rows(*range(8)))
        found += counterfactual(asked, best_of(asked, 5)[4], 5).found
    assert found >= 16


def test_a_drop_is_the_difference_of_two_fold_ins() -> None:
    catalogue, liked = random_catalogue("soft", "l2", 7), rows(2, 4, 6)
    folding = UserFolding(catalogue, FoldInSettings(sharpness=2.0))
    item = torch.tensor([9])
    whole, part = (float(catalogue.literal_scores(folding.fold(h), item)) for h in (liked, rows(2, 6)))
    drops = score_drops(leaving(catalogue, liked), 9, [4], limit=3)
    assert drops == {4: pytest.approx(whole - part, abs=1e-12)}


def test_only_items_of_the_history_are_left_out_and_no_more_than_asked_for() -> None:
    asked = leaving(random_catalogue("soft", "l2", 7), rows(2, 4, 6))
    assert set(score_drops(asked, 9, [4, 4, 29, 6, 2], limit=2)) < {2, 4, 6}
    assert len(score_drops(asked, 9, [4, 6, 2], limit=2)) == 2
    assert score_drops(leaving(asked.catalogue, rows(2)), 9, [2], limit=3) == {}


def test_a_pull_is_the_slope_of_a_liked_items_score_along_the_slope_of_the_asked_one() -> None:
    # On a line inside the ball the slope along the sphere is nothing, so a plane: u on the circle, no preferences.
    catalogue = random_catalogue("soft", "l2", 11)
    asked = leaving(catalogue, rows(0, 1, 2))
    user, item = asked.vector().clone().requires_grad_(), 9
    up = torch.autograd.grad(catalogue.scores(user)[item], user)[0]
    with torch.no_grad():
        u = user.detach()
        v = up - (up @ u) / (u @ u) * u
        v /= v.norm()
    by_hand = [float(torch.autograd.grad(catalogue.scores(user)[row], user)[0] @ v) for row in (0, 1, 2)]
    assert asked.pulls(item).tolist() == pytest.approx(by_hand, abs=1e-5)


def test_wrong_calls_are_refused() -> None:
    asked = leaving(on_a_line(0.9, 0.8, -0.8), rows(0, 1))
    with pytest.raises(IndexError, match="item row 3 is outside a catalogue of 3"):
        counterfactual(asked, 3, 1)
    with pytest.raises(ValueError, match="at least one place"):
        counterfactual(asked, 2, 0)
    with pytest.raises(ValueError, match="empty history"):
        leaving(asked.catalogue, rows())
    with pytest.raises(ValueError, match="empty history"):
        asked.vector(frozenset({0, 1}))
    asked.allowed = asked.solves
    with pytest.raises(OutOfSolves):
        asked.vector(NOTHING)
    assert LARGEST >= 1
