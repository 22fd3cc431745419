"""What ties a training item to the rest of a history, by pen, and what a model learns of it."""

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from models.interface import Sizes
from models.registry import build, config_from
from models.vocabulary import Vocabulary
from tests.training.planted import CPU, rows
from training.config import RecommendationLoss, parse_config
from training.data.indexed import IndexedDataset
from training.induction import InductionTargets, induction_targets
from training.objectives import objectives_of
from training.teaching import TAUGHT_PAIRS, TaughtPairs, taught

DIRECTOR, GENRE, WRITER = 0, 1, 2
X, G, W, Y = 4, 5, 6, 7
FACTS = rows(
    (0, DIRECTOR, X), (1, DIRECTOR, X), (0, GENRE, G), (1, GENRE, G), (2, GENRE, G), (3, GENRE, G),
    (0, WRITER, W), (1, WRITER, W), (2, WRITER, W),
)  # fmt: skip
HISTORY = rows((0, 0), (0, 1), (0, 2), (1, 3), (2, 3), (3, 3))


def names(prefix: str, n: int) -> Vocabulary:
    return Vocabulary(f"{prefix}{k}" for k in range(n))


def small(triples: np.ndarray = FACTS, history: np.ndarray = HISTORY) -> IndexedDataset:
    """Four people, four films that are entities 0 to 3; the first person has three, the others the fourth."""
    none = np.empty((0, 2), np.int64)
    return IndexedDataset(
        name="small",
        content_hash="",
        users=names("u", 4),
        items=names("i", 4),
        entities=names("e", 8),
        relations=names("r", 3),
        interactions={"train": history, "valid": none, "test": none},
        triples={"train": triples, "valid": np.empty((0, 3), np.int64), "test": np.empty((0, 3), np.int64)},
        alignment=np.arange(4),
    )


def weights_of(dataset: IndexedDataset, user: int, item: int) -> list[float]:
    targets = induction_targets(dataset, CPU)
    return [round(x, 5) for x in targets.of(torch.tensor([user]), torch.tensor([item]))[0].tolist()]


def test_ties_beyond_chance_are_weighed_by_half_deviances_worked_out_by_hand() -> None:
    # Of six interactions two are with films of X, three with films of W; of the two others one is of X, two are of W.
    of_x = 1 * log(1 / (2 * 2 / 6)) + 1 * log(1 / (2 * 4 / 6))
    of_w = 2 * log(2 / (2 * 3 / 6))
    x, w = of_x * (2 * of_x / 3), of_w * of_w
    assert weights_of(small(), 0, 0) == [round(x / (x + w), 5), 0.0, round(w / (x + w), 5)]


def test_what_everything_has_ties_nothing() -> None:
    assert weights_of(small(FACTS[2:6]), 0, 0) == [0.0, 0.0, 0.0]


def test_an_only_item_and_a_pair_outside_training_have_no_tie() -> None:
    assert weights_of(small(), 1, 3) == [0.0, 0.0, 0.0]
    assert weights_of(small(), 0, 3) == [0.0, 0.0, 0.0]


def test_a_relation_of_two_entities_has_two_chances_and_less_evidence() -> None:
    with_two = np.concatenate([FACTS, rows((0, DIRECTOR, Y), (0, WRITER, Y))])
    # That of W is 2 log 2 - log 2 now; that of X was below log 2.
    assert weights_of(small(with_two), 0, 0) == [0.0, 0.0, 1.0]


def test_evidence_ends_at_four_nats_so_that_one_certain_tie_hides_no_other() -> None:
    # Person 0 has films 0 to 2 of W and of X alike, 400 others have the fourth: both are certain, both weigh alike.
    triples = np.concatenate([FACTS, rows((2, DIRECTOR, X))])
    crowd = np.stack([np.arange(1, 401), np.full(400, 3)], axis=1)
    dataset = replace(small(triples, np.concatenate([HISTORY[:3], crowd])), users=names("u", 401))
    assert weights_of(dataset, 0, 0) == [0.5, 0.0, 0.5]


def test_the_direction_of_a_fact_is_part_of_a_tie() -> None:
    followed_by = rows((0, DIRECTOR, 7), (7, DIRECTOR, 1), (7, DIRECTOR, 2))
    assert weights_of(small(followed_by), 0, 0) == [0.0, 0.0, 0.0]
    assert weights_of(small(followed_by), 0, 1) == [1.0, 0.0, 0.0]


def test_facts_of_validation_and_test_tie_nothing() -> None:
    plain = small()
    leaky = replace(plain, triples={**plain.triples, "test": rows((2, DIRECTOR, X)), "valid": rows((2, DIRECTOR, Y))})
    assert torch.equal(induction_targets(plain, CPU).weights, induction_targets(leaky, CPU).weights)


def test_blocks_of_users_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = induction_targets(small(), CPU)
    monkeypatch.setattr("training.induction.BLOCK_CELLS", 1)
    assert torch.equal(induction_targets(small(), CPU).weights, whole.weights)


def test_the_loss_is_a_cross_entropy_over_the_pairs_that_have_a_tie() -> None:
    targets = InductionTargets(torch.tensor([0, 1]), torch.tensor([[0.25, 0.75], [0.0, 0.0]]), n_items=2)
    logits = torch.tensor([[log(0.5), log(0.5)], [5.0, -5.0]])
    loss = targets.loss(logits, targets.of(torch.tensor([0, 0]), torch.tensor([0, 1])))
    assert loss.item() == pytest.approx(log(2))
    none = InductionTargets(torch.empty(0, dtype=torch.int64), torch.empty(0, 2), n_items=2)
    assert none.loss(logits, none.of(torch.tensor([0, 0]), torch.tensor([0, 1]))).item() == 0.0


def ktup(**settings: object) -> torch.nn.Module:
    config = config_from("ktup", {"embedding_size": 8, "norm": "l2", "combine": "mean", **settings})
    return build("ktup", config, Sizes(4, 4, 8, 3, torch.arange(4)), Generator().manual_seed(0))


def learnt(loss: str, induction: float, necessity: float) -> tuple[torch.nn.Module, Tensor]:
    """Train a small KTUP for some steps; give it and the weights that person 0 and film 0 induce."""
    settings = {"loss": loss, "negatives": 4, "induction_weight": induction, "necessity_weight": necessity}
    config = parse_config({"model": {"name": "ktup"}, "recommendation": settings}, "test")
    model, generator = ktup(temperature=0.1), Generator().manual_seed(0)
    objective: Any = objectives_of(model, config, small(), ("train",), CPU)[0]
    optimiser = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(60):
        optimiser.zero_grad()
        objective.loss(model, objective.draw(torch.from_numpy(objective.rows), generator), generator).backward()
        optimiser.step()
        model.constrain_()  # type: ignore[operator]
    pair = torch.tensor([0]), torch.tensor([0])
    return model, model.preference_weights(*pair)[0].detach()  # type: ignore[operator]


@pytest.mark.parametrize("loss", ["listwise", "softmax", "bpr"])
def test_a_pair_learns_to_induce_the_relation_that_ties_it(loss: str) -> None:
    _, weights = learnt(loss, induction=1.0, necessity=0.0)
    assert weights[WRITER] > 0.9


def test_a_pair_learns_to_need_what_it_induces_first() -> None:
    def lost(model: torch.nn.Module, weights: Tensor) -> float:
        masked = torch.zeros(1, 3, dtype=torch.bool)
        masked[0, weights.argmax()] = True
        pair = torch.tensor([0]), torch.tensor([0])
        without = model.preference_weights(*pair, masked=masked)  # type: ignore[operator]
        difference = model.score_pairs(*pair) - model.score_with_weights(*pair, without)  # type: ignore[operator]
        return float(difference.detach())

    assert lost(*learnt("listwise", 1.0, 2.0)) > max(0.0, lost(*learnt("listwise", 1.0, 0.0)))


def test_nothing_is_taught_to_a_model_whose_preferences_are_no_relations() -> None:
    settings = {"induction_weight": 1.0, "necessity_weight": 1.0}
    config = parse_config({"model": {"name": "tup"}, "recommendation": settings}, "test")
    sizes = Sizes(4, 4, 0, 0, torch.full((4,), -1))
    tup = build("tup", config_from("tup", {"n_preferences": 3}), sizes, Generator().manual_seed(0))
    objective, _ = objectives_of(tup, config, small(), ("train",), CPU)
    assert objective is not None
    assert objective.induction is None


def test_of_many_pairs_some_are_taught_and_the_draw_is_seeded() -> None:
    many = torch.zeros(TAUGHT_PAIRS + 5, dtype=torch.int64), torch.arange(TAUGHT_PAIRS + 5) % 3
    settings = RecommendationLoss(induction_weight=1.0)
    targets = induction_targets(small(), CPU)
    pairs = TaughtPairs(*many, *many)
    losses = [taught(settings, targets, ktup(), pairs, Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_the_only_preference_there_is_can_be_no_more_needed_than_it_is() -> None:
    config = config_from("ktup", {"embedding_size": 8, "norm": "l2"})
    alone = build("ktup", config, Sizes(4, 4, 8, 1, torch.arange(4)), Generator().manual_seed(0))
    one_relation = replace(small(rows((0, 0, X), (1, 0, X))), relations=names("r", 1))
    targets = induction_targets(one_relation, CPU)
    pair = torch.tensor([0]), torch.tensor([0])
    settings = RecommendationLoss(induction_weight=1.0, necessity_weight=1.0)
    assert taught(settings, targets, alone, TaughtPairs(*pair, *pair), Generator()) == 0.0
