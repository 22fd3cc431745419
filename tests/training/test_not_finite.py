"""A run stops at the first number that is none; what was good before stays, and nothing is published."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.checkpoint import load_checkpoint
from tests.training import planted
from training import losses
from training.data.indexed import IndexedDataset
from training.evaluation import recommendation
from training.trainer import NotFinite

STEPS = 5  # of an epoch: 294 rows in batches of 64


@pytest.mark.parametrize("strategy", ["soft", "hard"])
def test_c57_a_wild_learning_rate_stops_the_run_with_epoch_batch_and_rate(
    strategy: str, world: IndexedDataset, folder: Path
) -> None:
    settings = planted.config({**planted.KTUP, "strategy": strategy}, optimiser={"learning_rate": 1e38})
    message = r"^epoch 1, batch 2: the loss is nan \(step 2, learning rate 1e\+38\); lower optimiser\.learning_rate$"
    with pytest.raises(NotFinite, match=message):
        planted.run(settings, world, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("model", [planted.KTUP, {"name": "tup", "norm": "l1"}, {"name": "transe"}, {"name": "transh"}])
def test_a_learning_rate_of_a_million_leaves_a_finite_model_or_none(
    model: dict[str, Any], world: IndexedDataset, folder: Path
) -> None:
    settings = planted.config({**model, "embedding_size": 8}, epochs=2, optimiser={"learning_rate": 1e6})
    try:
        result = planted.run(settings, world, folder)
    except NotFinite:
        assert not (folder / "checkpoint").exists()
    else:
        loaded = load_checkpoint(result.checkpoint).model
        assert all(bool(torch.isfinite(table).all()) for table in loaded.parameters())


@pytest.fixture
def spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third batch of the third epoch has no finite loss, though every epoch before was good."""
    plain, calls = losses.bpr, [0]

    def bpr(*given: Any) -> Tensor:
        calls[0] += 1
        return plain(*given) * (float("nan") if calls[0] == 2 * STEPS + 3 else 1.0)

    monkeypatch.setattr(losses, "bpr", bpr)


@pytest.mark.usefixtures("spoiled")
def test_the_best_epoch_before_a_bad_loss_stays_and_is_named(world: IndexedDataset, folder: Path) -> None:
    settings = planted.config(epochs=6, recommendation={"loss": "bpr"})
    with pytest.raises(NotFinite) as caught:
        planted.run(settings, world, folder)
    assert str(caught.value) == (
        "epoch 3, batch 3: the loss is nan (step 13, learning rate 0.05); lower optimiser.learning_rate; "
        f"the best epoch so far is kept in {folder / 'best-0002'}"
    )
    assert not (folder / "checkpoint").exists()
    kept = load_checkpoint(folder / "best-0002")
    assert kept.manifest["epoch"] == 2


@pytest.mark.usefixtures("spoiled")
def test_the_message_names_the_learning_rate_of_that_step_and_not_of_the_settings(
    world: IndexedDataset, folder: Path
) -> None:
    optimiser = {"learning_rate": 0.05, "schedule": "cosine"}
    settings = planted.config(epochs=6, recommendation={"loss": "bpr"}, optimiser=optimiser)
    with pytest.raises(NotFinite, match=r"step 13, learning rate 0\.0327"):  # 0.025 (1 + cos(12 pi / 30))
        planted.run(settings, world, folder)


def test_a_parameter_that_is_not_finite_is_named_at_the_end_of_the_epoch(
    world: IndexedDataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.joint.ktup import KTUP

    calls, plain = [0], KTUP.constrain_

    def constrain_(model: KTUP) -> None:
        plain(model)
        calls[0] += 1
        if calls[0] == STEPS:
            model.users.data[0] = float("inf")

    monkeypatch.setattr(KTUP, "constrain_", constrain_)
    with pytest.raises(NotFinite, match=r"^epoch 1: the parameter 'users' is not finite \(step 5, "):
        planted.run(planted.config(), world, folder)
    assert list(folder.iterdir()) == []


def test_a_score_that_is_no_number_stops_the_validation_with_the_epoch(
    world: IndexedDataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def top_n(*_: Any) -> None:
        raise FloatingPointError("the scores of user row 7 are not all numbers")

    monkeypatch.setattr(recommendation, "top_n", top_n)
    with pytest.raises(NotFinite, match=r"^epoch 1, validation: the scores of user row 7 are not all numbers \(step 5"):
        planted.run(planted.config(), world, folder)
    assert not (folder / "checkpoint").exists()
