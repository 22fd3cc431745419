"""What only a CUDA device can show."""

from pathlib import Path

import pytest
import torch

from models.checkpoint import load_checkpoint
from tests.training import planted
from tests.training.planted import Quiet
from training.data.indexed import IndexedDataset
from training.run_state import ResumeError
from training.trainer import NotFinite, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
CUDA = torch.device("cuda")


@pytest.mark.parametrize("strategy", ["soft", "hard"])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_c69_an_epoch_on_cuda_gives_a_checkpoint_that_answers_on_the_cpu(
    strategy: str, norm: str, world: IndexedDataset, folder: Path
) -> None:
    settings = planted.config({**planted.KTUP, "strategy": strategy, "norm": norm}, epochs=1)
    result = train(settings, world, folder, CUDA, Quiet())
    on_cpu, on_cuda = (load_checkpoint(result.checkpoint, device).model for device in ("cpu", CUDA))
    users = torch.arange(len(world.users))
    assert on_cpu.score_items(users).device.type == "cpu"
    torch.testing.assert_close(on_cuda.score_items(users.to(CUDA)).cpu(), on_cpu.score_items(users), rtol=0, atol=1e-4)


def test_cuda_learns_what_the_cpu_learns(world: IndexedDataset, folder: Path) -> None:
    result = train(planted.config(epochs=4), world, folder, CUDA, Quiet())
    assert max(record["valid"]["f1"] for record in result.history) > 0.15


def test_a_loss_that_is_not_finite_stops_a_run_on_cuda_at_its_batch(world: IndexedDataset, folder: Path) -> None:
    settings = planted.config(optimiser={"learning_rate": 1e38})
    with pytest.raises(NotFinite, match="epoch 1, batch 2: the loss is nan"):
        train(settings, world, folder, CUDA, Quiet())


def test_a_run_of_cuda_is_not_resumed_on_the_cpu(world: IndexedDataset, folder: Path) -> None:
    with pytest.raises(planted.Stop):
        train(planted.config(), world, folder, CUDA, planted.Stopping(1))
    with pytest.raises(ResumeError, match="was made on cuda; go on with --device cuda"):
        train(planted.config(), world, folder, torch.device("cpu"), Quiet(), resume=True)
    assert len(train(planted.config(), world, folder, CUDA, Quiet(), resume=True).history) == 4
