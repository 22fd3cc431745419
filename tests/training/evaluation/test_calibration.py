"""Curves are fitted to worlds whose probabilities are known, and held against them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.retrieval.calibration import Curve
from tests.training.evaluation.scored import ScoreTable, graph
from training.evaluation.calibration import calibrate, fit_curve, measure
from training.evaluation.candidates import Candidates

SHARE = 1 / 3
TRUE = Curve(*(torch.tensor(v, dtype=torch.float64) for v in ([1.0, 2.0], [0.0, 0.3], [0.5, 1.0], [0.1, 0.2])))


def drawn(n: int, curve: Curve, share: float, seed: int = 0, relations: int = 2) -> Candidates:
    """Candidates of which c sigma(z) are labelled: `share` of the facts where something is stored, else all."""
    random = np.random.default_rng(seed)
    empty = random.random(n) < 0.2
    states = np.stack([np.where(empty, 0.0, random.normal(-4, 1, n)), empty], axis=1)
    logs, of = torch.from_numpy(random.uniform(-7, 0, n)), torch.from_numpy(random.integers(0, relations, n))
    state = torch.from_numpy(states.astype(np.float64))
    probable = curve.logits(logs, of, state).sigmoid().numpy() * np.where(empty, 1.0, share)
    labels = torch.from_numpy(random.random(n) < probable)
    return Candidates(logs, of, state, labels, torch.zeros(n, dtype=torch.int64))


def remaining(curve: Curve, candidates: Candidates, share: float) -> Tensor:
    """What is left once the labelled facts are stored: (1 - c) p / (1 - c p), worked out from p itself."""
    p = curve.logits(candidates.log_softmax, candidates.relations, candidates.states).sigmoid()
    return torch.where(candidates.empty | (share == 1), p, (1 - share) * p / (1 - share * p))


@pytest.mark.parametrize("share", [SHARE, 1.0])
def test_known_probabilities_are_recovered_from_the_labels_of_a_share(share: float) -> None:
    seen = drawn(40_000, TRUE, share)
    fitted = fit_curve(seen, share, 2)
    said = fitted.logits(seen.log_softmax, seen.relations, seen.states).sigmoid()
    assert (said - remaining(TRUE, seen, share)).abs().mean() < 0.01


def test_taking_the_labels_for_all_facts_would_tell_half_of_them() -> None:
    """What `share` is for: the same labels, read as if they were all that is missing, give other probabilities."""
    seen = drawn(40_000, TRUE, SHARE)
    opened, curve = ~seen.empty, fit_curve(seen, 1.0, 2)
    said = curve.logits(seen.log_softmax, seen.relations, seen.states).sigmoid()[opened].mean()
    assert float(said / remaining(TRUE, seen, SHARE)[opened].mean()) == pytest.approx(0.5, abs=0.15)


def test_a_relation_without_a_candidate_has_the_common_curve() -> None:
    seen = drawn(5000, TRUE, SHARE)
    fitted = fit_curve(seen, SHARE, 3)
    low, high = fitted.offsets[:2].min(), fitted.offsets[:2].max()
    assert low < fitted.offsets[2] < high
    # The prior is symmetric around the common offset, and pulls two relations with equal force.
    alone = fit_curve(replace(seen, relations=torch.zeros_like(seen.relations)), SHARE, 2)
    assert fitted.offsets[2] != alone.offsets[1]
    assert alone.offsets[0] == pytest.approx(float(alone.offsets[1]), abs=0.01)


def test_few_facts_move_a_relation_less_than_many() -> None:
    many, few = drawn(20_000, TRUE, 1.0), drawn(300, TRUE, 1.0, seed=1)
    apart = [float(fit_curve(seen, 1.0, 2).offsets.diff()) for seen in (few, many)]
    assert 0 < apart[0] < apart[1] < 1.2


def test_without_any_fact_probabilities_are_small_and_finite() -> None:
    seen = drawn(2000, TRUE, SHARE)
    none = replace(seen, labels=torch.zeros_like(seen.labels))
    said = fit_curve(none, SHARE, 2).logits(seen.log_softmax, seen.relations, seen.states).sigmoid()
    assert 0 < said.max() < 0.01


def test_the_fit_is_the_same_each_time() -> None:
    first, second = (fit_curve(drawn(3000, TRUE, SHARE), SHARE, 2) for _ in range(2))
    assert torch.equal(first.offsets, second.offsets)


N = 140


def bernoulli_world(seed: int = 0) -> tuple[ScoreTable, Any, NDArray[np.float64]]:
    """Facts drawn with sigma(2 y - 3) from random scores y, dealt 70 : 10 : 20; model, data set and probabilities."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(1, N, N))
    probable = 1 / (1 + np.exp(3 - 2 * scores[0]))
    heads, tails = np.nonzero(random.random((N, N)) < probable)
    facts = np.stack([heads, np.zeros_like(heads), tails], axis=1)
    dealt = random.choice(["train", "valid", "test"], p=[0.7, 0.1, 0.2], size=len(facts))
    splits = {split: facts[dealt == split] for split in ("train", "valid", "test")}
    return ScoreTable(scores), graph(N, 1, **splits), probable


@pytest.fixture(scope="module")
def world() -> tuple[ScoreTable, Any, NDArray[np.float64]]:
    return bernoulli_world()


def test_a_world_of_known_probabilities_is_told_from_its_validation_facts_alone(
    world: tuple[ScoreTable, Any, NDArray[np.float64]],
) -> None:
    model, data, probable = world
    fitted = calibrate(model, data, 1.0)
    assert fitted is not None
    # Facts that are in neither train nor valid are one in five of all: 0.2 p / (1 - 0.8 p).
    expected = 0.2 * probable / (1 - 0.8 * probable)
    typed = np.ones(N, dtype=np.bool_)
    for side in ("tail", "head"):
        table = model._scores[0].numpy() if side == "tail" else model._scores[0].numpy().T
        said = np.stack([fitted.probabilities(side, k, 0, table[k], typed) for k in range(N)])
        off = np.abs(said - (expected if side == "tail" else expected.T))
        assert np.nanmean(off) < 0.015
        assert np.nanmax(said) > 0.3


def test_the_error_on_test_facts_falls_well_below_that_of_the_softmax(
    world: tuple[ScoreTable, Any, NDArray[np.float64]],
) -> None:
    model, data, _ = world
    fitted = calibrate(model, data, 1.0)
    assert fitted is not None
    found = measure(model, fitted, data)
    assert found is not None
    before, after = (found[when]["expected_calibration_error"] for when in ("before", "after"))
    assert after < before / 3
    assert found["after"]["brier"] < found["before"]["brier"]
    assert found["candidates"] == sum(b["candidates"] for b in found["bins"])
    assert found["candidates"] == sum(found["parts"][side]["candidates"] for side in ("tail", "head"))
    assert found["positives"] <= 2 * len(data.triples["test"])


def test_test_facts_take_no_part_in_the_fit_but_by_their_number(
    world: tuple[ScoreTable, Any, NDArray[np.float64]],
) -> None:
    model, data, _ = world
    others = np.random.default_rng(1).integers(0, N, data.triples["test"].shape) * [1, 0, 1]
    changed = replace(data, triples={**data.triples, "test": others})
    first, second = calibrate(model, data, 1.0), calibrate(model, changed, 1.0)
    assert first is not None
    assert second is not None
    for kind, curve in first.curves.items():
        assert torch.equal(curve.offsets, second.curves[kind].offsets)


def test_a_relation_without_validation_facts_falls_back_on_the_common_curve() -> None:
    random = np.random.default_rng(0)
    model, _, _ = bernoulli_world()
    scores = np.concatenate([model._scores.numpy()] * 3)
    _, data, _ = bernoulli_world(1)
    second = [data.triples[split] + [0, 1, 0] for split in ("train", "valid", "test")]
    third = np.stack([random.integers(0, N, 50), np.full(50, 2), random.integers(0, N, 50)], axis=1)
    splits = ("train", "valid", "test")
    triples = {split: np.concatenate([data.triples[split], second[k]]) for k, split in enumerate(splits)}
    triples["train"] = np.concatenate([triples["train"], third])
    fitted = calibrate(ScoreTable(scores), graph(N, 3, **triples), 1.0)
    assert fitted is not None
    curve = fitted.curves["tail", True]
    # Two relations of equal behaviour lie on either side of the common offset; the third has that offset itself.
    assert float(curve.offsets[2]) == pytest.approx(float(curve.offsets[:2].mean()), abs=0.05)


def test_with_too_few_validation_facts_there_is_no_calibration() -> None:
    model, data, _ = bernoulli_world()
    few = replace(data, triples={**data.triples, "valid": data.triples["valid"][:19]})
    assert calibrate(model, few, 1.0) is None


def test_without_test_facts_there_is_a_calibration_and_no_figure() -> None:
    model, data, _ = bernoulli_world()
    untested = replace(data, triples={**data.triples, "test": data.triples["test"][:0]})
    fitted = calibrate(model, untested, 1.0)
    assert fitted is not None
    assert measure(model, fitted, untested) is None
