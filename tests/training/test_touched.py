"""Steps over touched rows are worth those over whole tables, and leave all other rows alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Generator, Tensor, nn

from models.interface import Sizes
from models.recommendation.bprmf import BPRMF, BPRMFConfig
from tests.training import planted
from training.comparisons import Facts, Pairs
from training.config import ConfigError, OptimiserSettings
from training.data.indexed import IndexedDataset
from training.optimisation import new_optimiser
from training.run_state import STATE
from training.steps import WholeSteps
from training.touched import TouchedSteps
from training.trainer import new_model

PER_PAIR = {"recommendation": {"loss": "bpr"}, "completion": {"loss": "margin", "batch_size": 16}, "batch_size": 16}


def factors(bounded: bool = False) -> BPRMF:
    """Four users and five items of two numbers; the length of each row is 1."""
    sizes = Sizes(4, 5, 1, 1, torch.full((5,), -1))
    return BPRMF(BPRMFConfig(embedding_size=2, bounded=bounded), sizes, Generator().manual_seed(0))


def pairs(*rows: tuple[int, int, int]) -> Pairs:
    users, positives, negatives = torch.tensor(rows).T
    return Pairs(users, positives, negatives, torch.ones(len(rows), dtype=torch.bool))


def margin_of(model: Any, batch: Pairs) -> Tensor:
    positive, negative = (model.score_pairs(batch.users, items) for items in (batch.positives, batch.negatives))
    loss: Tensor = (negative - positive).exp().sum()
    return loss


def trained(
    kind: Any, batches: Sequence[Pairs], model: BPRMF, clip_norm: float | None = None, **settings: Any
) -> BPRMF:
    """Take a step for each batch, and settle."""
    steps = kind(model, new_optimiser(model, OptimiserSettings(learning_rate=0.01, **settings)), clip_norm)
    for batch in batches:
        small, (placed, _) = steps.open((batch, None))
        steps.take(margin_of(small, placed))
    steps.settle()
    return model


BATCHES = [
    pairs((0, 1, 2), (3, 4, 1), (2, 3, 0)),
    pairs((1, 1, 0)),
    pairs((0, 0, 1)),
    pairs((1, 1, 2), (1, 2, 0)),
    pairs((3, 0, 4)),
]


@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [({"name": "adagrad"}, 1e-6), ({"name": "adam"}, 1e-5), ({"name": "adam", "weight_decay": 1e-4}, 5e-4)],
    ids=["adagrad", "adam", "adam with decay"],
)
def test_touched_steps_come_to_the_weights_of_whole_steps(
    settings: dict[str, Any], tolerance: float, clip_norm: float | None
) -> None:
    begun = factors()
    whole, touched = (
        trained(kind, BATCHES * 6, factors(), clip_norm, **settings) for kind in (WholeSteps, TouchedSteps)
    )
    for name, expected in whole.named_parameters():
        assert (expected - begun.get_parameter(name)).abs().max() > 0.05
        torch.testing.assert_close(touched.get_parameter(name), expected, atol=tolerance, rtol=0)


def test_weight_decay_reaches_rows_that_wait() -> None:
    batches = [pairs((0, 1, 2)), *[pairs((1, 3, 4))] * 20]
    plain, decayed, whole = (
        trained(kind, batches, factors(), weight_decay=decay)
        for kind, decay in ((TouchedSteps, 0.0), (TouchedSteps, 1e-3), (WholeSteps, 1e-3))
    )
    moved = (whole.users[0] - plain.users[0]).norm()
    assert moved > 0.005
    assert (decayed.users[0] - whole.users[0]).norm() < 0.1 * moved


class Line(nn.Module):
    """A table of entities that are numbers; a loss pulls at some of them by a gradient of 2."""

    def __init__(self, config: None, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config, self.entities = config, nn.Parameter(torch.ones(sizes.n_entities, 1))

    def constrain_(self) -> None:
        """Nothing bounds a number."""


def test_a_row_that_waits_is_moved_by_its_momentum_when_it_is_met_again_or_all_is_settled() -> None:
    model = Line(None, Sizes(0, 0, 3, 0, torch.empty(0)), Generator())
    steps = TouchedSteps(model, new_optimiser(model, OptimiserSettings(learning_rate=0.1)), None)
    usable = torch.ones(1, dtype=torch.bool)

    def step(row: int) -> None:
        fact = torch.tensor([[row, 0, row]])
        small, (_, batch) = steps.open((None, Facts(fact, fact, usable)))
        steps.take(2.0 * small.entities[batch.triples[:, 0]].sum())

    step(0)
    assert model.entities.flatten().tolist() == pytest.approx([0.9, 1, 1])
    step(1)
    # Row 1 has m = 0.2 / (1 - 0.81), v = 0.004 / (1 - 0.998001): 1.052632 / 1.414567 = 0.744137 of the rate.
    assert model.entities.flatten().tolist() == pytest.approx([0.9, 1 - 0.0744137, 1])
    steps.settle()
    # Row 0 had m = 0.18 / 0.19, v = 0.003996 / 0.001999 in step 2: 0.947368 / 1.413859 = 0.670059 of the rate.
    assert model.entities.flatten().tolist() == pytest.approx([0.9 - 0.0670059, 1 - 0.0744137, 1], abs=1e-6)
    assert model.entities[2].item() == 1


def test_a_step_leaves_rows_that_it_does_not_touch_bit_for_bit() -> None:
    model = factors()
    before = {name: table.detach().clone() for name, table in model.named_parameters()}
    steps = TouchedSteps(model, new_optimiser(model, OptimiserSettings(learning_rate=0.01)), None)
    small, (batch, _) = steps.open((pairs((2, 4, 1), (2, 0, 1)), None))
    assert (len(small.users), len(small.items)) == (1, 3)
    steps.take(margin_of(small, batch))
    changed = {name: (table != before[name]).any(1).tolist() for name, table in model.named_parameters()}
    assert changed == {"users": [False, False, True, False], "items": [True, True, False, False, True]}


def test_touched_rows_are_constrained_as_all_are() -> None:
    whole, touched = (trained(kind, BATCHES[:1], factors(bounded=True)) for kind in (WholeSteps, TouchedSteps))
    free = trained(WholeSteps, BATCHES[:1], factors())
    assert max(table.norm(dim=1).max().item() for table in free.parameters()) > 1.005
    for name, expected in whole.named_parameters():
        torch.testing.assert_close(touched.get_parameter(name), expected, atol=1e-6, rtol=0)
        assert touched.get_parameter(name).norm(dim=1).max() <= 1 + 1e-6


def test_an_aligned_item_moves_its_entity_and_an_unaligned_one_none(world: IndexedDataset) -> None:
    model: Any = new_model(planted.config(optimiser={"rows": "touched"}), world)
    entities = model.entities.detach().clone()
    steps = TouchedSteps(model, new_optimiser(model, OptimiserSettings(learning_rate=0.01)), None)
    small, (batch, _) = steps.open((pairs((0, 5, 28)), None))  # film 28 stands for no entity
    steps.take(margin_of(small, batch))
    moved = (model.entities != entities).any(1).nonzero().flatten().tolist()
    assert moved == [int(model.alignment[5])]


def test_facts_are_placed_by_entity_and_keep_their_relations() -> None:
    usable = torch.ones(1, dtype=torch.bool)
    facts = Facts(torch.tensor([[7, 1, 9]]), torch.tensor([[7, 1, 8]]), usable)
    placed = facts.over(lambda vocabulary, rows: rows - 7)
    assert (placed.triples.tolist(), placed.corrupted.tolist()) == ([[0, 1, 2]], [[0, 1, 1]])
    assert facts.triples.tolist() == [[7, 1, 9]]


@pytest.mark.parametrize("joint", ["sum", "steps"])
def test_a_run_over_touched_rows_goes_on_unchanged_after_a_stop(
    world: IndexedDataset, tmp_path: Path, joint: str
) -> None:
    optimiser = {"learning_rate": 0.05, "schedule": "cosine", "weight_decay": 1e-5, "clip_norm": 5.0, "rows": "touched"}
    model = {**planted.KTUP, "strategy": "hard"}
    settings = planted.config(model, epochs=4, joint=joint, optimiser=optimiser, **PER_PAIR)
    straight = planted.run(settings, world, tmp_path / "straight")
    with pytest.raises(planted.Stop):
        planted.run(settings, world, tmp_path / "stopped", planted.Stopping(2))
    resumed = planted.run(settings, world, tmp_path / "stopped", resume=True)
    expected, found = (load_file(r.checkpoint.parent / STATE) for r in (straight, resumed))
    assert expected.keys() == found.keys()
    assert {name for name in expected if not torch.equal(expected[name], found[name])} == set()


@pytest.mark.parametrize("name", ["fm", "bprmf", "tup", "cfkg", "cke", "cofm-share", "cofm-reg", "ktup"])
def test_every_model_of_items_learns_over_touched_rows(name: str, world: IndexedDataset, folder: Path) -> None:
    optimiser = {"learning_rate": 0.05, "rows": "touched"}
    settings = planted.config({"name": name, "embedding_size": 8}, epochs=6, optimiser=optimiser, **PER_PAIR)
    history = planted.run(settings, world, folder).history
    assert history[-1]["recommendation_loss"] < 0.8 * history[0]["recommendation_loss"]


def test_listwise_batches_are_refused(world: IndexedDataset, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"optimiser\.rows: a listwise batch touches all items"):
        planted.run(planted.config(recommendation={"loss": "listwise"}, optimiser={"rows": "touched"}), world, folder)


def test_pairs_of_touched_rows_are_taught_their_own_relations(world: IndexedDataset, tmp_path: Path) -> None:
    # The rows of a small model are no rows of the vocabularies, by which the taught relations are found.
    taught = {"loss": "bpr", "induction_weight": 1.0}
    history = {}
    for rows in ("all", "touched"):
        optimiser = {"learning_rate": 0.02, "rows": rows}
        settings = planted.config(recommendation=taught, batch_size=16, epochs=3, optimiser=optimiser)
        history[rows] = planted.run(settings, world, tmp_path / rows).history
    losses = [[record["recommendation_loss"] for record in history[rows]] for rows in ("all", "touched")]
    assert losses[0][-1] < losses[0][0] - 0.2
    assert losses[1] == pytest.approx(losses[0], abs=0.01)
