"""`torchrun … -m tests.training.distributed.holding FOLDER`: a step with sharded tables, and what each then holds."""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.training import planted
from training.comparisons import Listed
from training.config import OptimiserSettings
from training.distributed.gradients import GradientSum
from training.distributed.processes import joined_processes
from training.distributed.tables import ShardedSteps, shard_tables
from training.distributed.whole import own_part
from training.optimisation import new_optimiser
from training.touched_rows import tables_of
from training.trainer import new_model


def held(tensor: Any) -> list[int]:
    """Give the shape of what lies here, once it is known that no more memory than that is kept for it."""
    part = own_part(tensor)
    assert part.untyped_storage().nbytes() == part.numel() * part.element_size()
    return list(part.shape)


def main(folder: str) -> None:
    """Write by rank, for each table, the shape that value, gradient and moments have here, which must be one."""
    torch.set_num_threads(1)
    data = planted.indexed()
    with joined_processes("cpu") as processes:
        model = new_model(planted.config(), data)
        shard_tables(model, processes, planted.CPU)
        optimiser = new_optimiser(model, OptimiserSettings())
        steps = ShardedSteps(model, optimiser, None, GradientSum())
        small, (batch, _) = steps.open((Listed(torch.tensor([0, 5, 42]), len(data.items)), None))
        assert [len(small.users), len(small.items)] == [3, 30]
        steps.take(small.score_items(batch.users).sum())
        found = {}
        for name, table in tables_of(model).items():
            moments = [tensor for key, tensor in optimiser.state[table].items() if key != "step"]
            (found[name],) = {tuple(held(tensor)) for tensor in (table, table.grad, *moments)}
        (Path(folder) / f"{processes.rank}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
