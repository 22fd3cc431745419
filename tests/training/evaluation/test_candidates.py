"""What a completion would show, with what came true of it."""

import numpy as np
import pytest
import torch

from models.retrieval.answers import Answers
from models.retrieval.roles import Roles
from tests.training.evaluation.scored import ScoreTable
from tests.training.planted import rows
from training.evaluation import candidates
from training.evaluation.candidates import shown_candidates

# One relation, five entities. Stored: 0 -> 1, 0 -> 2, 3 -> 1; held out: 0 -> 3, 4 -> 1.
STORED, HELD_OUT = rows((0, 0, 1), (0, 0, 2), (3, 0, 1)), rows((0, 0, 3), (4, 0, 1))
ROLES = Roles.of_triples(STORED, 1)


def shown(scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> dict[tuple[str, bool], candidates.Candidates]:
    found = shown_candidates(ScoreTable(scores[None]), Answers(STORED, 1), Answers(HELD_OUT, 1), ROLES, 1.0)
    return {(side, typed): columns for (side, typed), columns in found.items()}


def test_tails_are_asked_of_heads_with_a_stored_or_a_held_out_fact_and_of_no_others() -> None:
    tails = shown(np.zeros((5, 5)))
    # Tails seen: 1 and 2. Of head 0 none of them is left, of 3 tail 2 is, of 4 both are.
    assert len(tails["tail", True].labels) == 0 + 1 + 2
    # Not seen as tails: 0, 3, 4, for each of the three heads.
    assert len(tails["tail", False].labels) == 3 * 3


def test_a_held_out_fact_is_true_and_a_stored_one_no_candidate() -> None:
    found = shown(np.zeros((5, 5)))
    assert found["tail", True].labels.sum() == 1  # 4 -> 1
    assert found["tail", False].labels.sum() == 1  # 0 -> 3
    # Heads seen: 0 and 3. (?, 1): both stored; (?, 2): 3 is left; (?, 3): both are left, 0 is true.
    assert (len(found["head", True].labels), int(found["head", True].labels.sum())) == (3, 1)


def test_a_query_without_a_stored_fact_is_empty_and_the_others_know_their_share() -> None:
    found = shown(np.zeros((5, 5)))["tail", False]
    states = sorted(set(map(tuple, found.states.tolist())))
    assert states == [(pytest.approx(np.log(1 / 3)), 0.0), (pytest.approx(np.log(2 / 3)), 0.0), (0.0, 1.0)]
    assert found.empty.sum() == 3


def test_the_softmax_is_over_the_candidates_of_a_kind_and_places_follow_the_score() -> None:
    scores = np.zeros((5, 5))
    scores[4, [1, 2]] = np.log(1), np.log(4)
    found = shown(scores)["tail", True]
    of_four = found.of(found.empty)
    assert of_four.log_softmax.exp().tolist() == pytest.approx([4 / 5, 1 / 5])
    assert (of_four.places.tolist(), of_four.labels.tolist()) == ([0, 1], [False, True])


def test_no_more_are_shown_than_the_service_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "SHOWN", 2)
    found = shown(np.arange(25.0).reshape(5, 5))["tail", False]
    assert found.places.max() == 1
    assert len(found.labels) == 3 * 2


def test_with_many_queries_a_sample_is_asked_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "QUERIES", 2)
    first, second = (shown(np.arange(25.0).reshape(5, 5))["tail", False] for _ in range(2))
    assert len(first.labels) == 2 * 3
    assert torch.equal(first.log_softmax, second.log_softmax)


def test_a_piece_at_a_time_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).normal(size=(5, 5))
    whole = shown(scores)
    monkeypatch.setattr(candidates, "GRID_ELEMENTS", 1)
    for kind, piecewise in shown(scores).items():
        for name, column in vars(piecewise).items():
            assert torch.equal(column, vars(whole[kind])[name])


def test_a_score_that_is_not_a_number_is_an_error() -> None:
    scores = np.zeros((5, 5))
    scores[3, 4] = np.nan
    with pytest.raises(FloatingPointError, match="not a number"):
        shown(scores)
