"""What each step is taken with: the optimiser, its learning rate, its memory, and whose turn it is."""

from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from tests.training import planted
from tests.training.planted import KTUP
from training import objectives, trainer
from training.config import OptimiserSettings
from training.data.indexed import IndexedDataset
from training.optimisation import new_optimiser


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """What every optimiser step was taken with: the learning rate, and the length of the whole gradient."""
    seen: list[tuple[float, float]] = []
    plain = torch.optim.Adam.step

    def step(optimiser: torch.optim.Adam) -> None:
        group = optimiser.param_groups[0]
        gradient = torch.stack([p.grad.norm() for p in group["params"] if p.grad is not None]).norm()
        seen.append((group["lr"], gradient.item()))
        plain(optimiser)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    return seen


def test_the_cosine_schedule_falls_from_the_learning_rate_to_almost_nothing(
    world: IndexedDataset, folder: Path, rates: list[tuple[float, float]]
) -> None:
    optimiser = {"learning_rate": 0.05, "schedule": "cosine"}
    planted.run(planted.config(epochs=4, optimiser=optimiser), world, folder)
    taken = [rate for rate, _ in rates]
    assert len(taken) == 4 * 5
    assert taken[0] == 0.05
    assert taken[10] == pytest.approx(0.025)
    assert taken == sorted(taken, reverse=True)
    assert 0 < taken[-1] < 0.001


def test_the_constant_schedule_stays(world: IndexedDataset, folder: Path, rates: list[tuple[float, float]]) -> None:
    planted.run(planted.config(epochs=2), world, folder)
    assert {rate for rate, _ in rates} == {0.05}


def test_a_clipped_gradient_is_never_longer_than_clip_norm(
    world: IndexedDataset, tmp_path: Path, rates: list[tuple[float, float]]
) -> None:
    planted.run(planted.config(epochs=1), world, tmp_path / "free")
    assert max(length for _, length in rates) > 0.2
    rates.clear()
    optimiser = {"learning_rate": 0.05, "clip_norm": 0.1}
    planted.run(planted.config(epochs=1, optimiser=optimiser), world, tmp_path / "clipped")
    assert max(length for _, length in rates) == pytest.approx(0.1, abs=1e-4)


def test_halving_halves_and_forgets_at_each_validation_without_a_best(
    world: IndexedDataset, folder: Path, rates: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured, memories = iter([0.5, 0.4, 0.6, 0.6, 0.1]), list[int]()

    def measure(it: Any, *_: Any) -> dict[str, float]:
        memories.append(len(it.optimiser.state))
        return {"f1": next(measured)}

    def forgotten(*arguments: Any) -> torch.optim.Optimizer:
        made = new_optimiser(*arguments)
        memories.append(len(made.state))
        return made

    monkeypatch.setattr(trainer._Trainer, "_metrics", measure)
    monkeypatch.setattr(trainer, "new_optimiser", forgotten)
    optimiser = {"learning_rate": 0.08, "schedule": "halving"}
    planted.run(planted.config(epochs=5, optimiser=optimiser), world, folder)
    # 5 steps an epoch; epochs 2, 4 (no more than equal) and 5 bring no best
    assert [rate for rate, _ in rates] == [0.08] * 10 + [0.04] * 10 + [0.02] * 5
    # Made empty; 7 tables remembered by the end of each epoch; made anew after the epochs that brought no best.
    assert memories == [0, 7, 7, 0, 7, 7, 0, 7, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Twice the gradient 2. Adam's means correct themselves to 2 and 4: each step is the learning rate.
        ("adam", 1 - 0.1 - 0.1),
        # Adagrad divides by the root of the sum of squares: 0.1 x 2 / root 4, then 0.1 x 2 / root 8.
        ("adagrad", 1 - 0.1 - 0.2 / 8**0.5),
    ],
)
def test_an_optimiser_is_the_one_that_its_name_says(name: Literal["adam", "adagrad"], expected: float) -> None:
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
    optimiser = new_optimiser(model, OptimiserSettings(name=name, learning_rate=0.1))
    for _ in range(2):
        optimiser.zero_grad()
        (2.0 * model.weight.sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert model.weight.item() == pytest.approx(expected)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Which losses each step came from."""
    seen, plain = list[set[str]](), objectives.joined

    def joined(recommendation: Any, completion: Any, joint_weight: float) -> torch.Tensor:
        seen.append({name for name, loss in (("r", recommendation), ("g", completion)) if loss is not None})
        return plain(recommendation, completion, joint_weight)

    monkeypatch.setattr(trainer, "joined", joined)
    return seen


def test_lambda_as_a_share_of_steps_gives_each_task_steps_of_its_own(
    world: IndexedDataset, folder: Path, moved: list[set[str]]
) -> None:
    observer = planted.Quiet()
    settings = planted.config(epochs=2, batch_size=32, joint="steps", joint_weight=0.7)
    planted.run(settings, world, folder, observer)
    # 294 interactions are 10 batches: seven, three of the graph, three, three of the graph
    epoch = "rrrrrrrgggrrrggg"
    assert moved == [{turn} for turn in epoch * 2]
    assert observer.steps[-1] == (2, 16, 16)


def test_the_losses_told_are_means_over_the_steps_of_each_task(
    world: IndexedDataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[int, list[float]] = {0: [], 1: []}
    plain = trainer._Trainer._step

    def step(it: Any, pairs: Any, triples: Any) -> torch.Tensor:
        losses = plain(it, pairs, triples)
        kept[0 if triples is None else 1].append(float(losses.sum()))
        return losses

    monkeypatch.setattr(trainer._Trainer, "_step", step)
    settings = planted.config(epochs=1, batch_size=32, joint="steps", joint_weight=0.7)
    record = planted.run(settings, world, folder).history[0]
    assert record["recommendation_loss"] == pytest.approx(sum(kept[0]) / 10)
    assert record["completion_loss"] == pytest.approx(sum(kept[1]) / 6)


@pytest.mark.parametrize("model", [{"name": "bprmf", "embedding_size": 8}, {"name": "transe", "embedding_size": 8}])
def test_a_model_of_one_task_takes_every_step_whatever_lambda(
    model: dict[str, Any], world: IndexedDataset, folder: Path, moved: list[set[str]]
) -> None:
    settings = planted.config(model, epochs=1, joint="steps", joint_weight=0.1)
    result = planted.run(settings, world, folder)
    assert len(moved) == (2 if model["name"] == "transe" else 5)  # 55 triples by 32; 294 interactions by 64
    assert result.history[0].keys() >= {"completion_loss" if model["name"] == "transe" else "recommendation_loss"}


def test_the_other_losses_of_the_paper_train_every_soft_model(world: IndexedDataset, folder: Path) -> None:
    losses = {
        "recommendation": {"loss": "bpr", "orthogonality_weight": 1.0},
        "completion": {"loss": "margin", "reduction": "sum", "batch_size": 32},
    }
    model = {**KTUP, "attention": "raw", "combine": "mean-preferences"}
    result = planted.run(planted.config(model, epochs=4, joint="steps", **losses), world, folder)
    first, last = result.history[0], result.history[-1]
    assert last["recommendation_loss"] < first["recommendation_loss"]
    assert last["completion_loss"] < first["completion_loss"]
