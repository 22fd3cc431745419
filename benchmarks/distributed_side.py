"""One process of a run that benchmarks/distributed.py measures; alone, or one of those that torchrun started.

`large` is a catalogue of many people who met few things, made here: nothing is to be learnt, but its tables weigh.
"""

import json
import resource
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from models.vocabulary import Vocabulary
from training.cli_shared import parse_overrides
from training.config import TrainingConfig, parse_config
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.data.schema import SPLITS
from training.data.shards.reading import load_held
from training.distributed.held import held_range
from training.distributed.processes import Processes, joined_processes
from training.presets import load_recipe
from training.progress import Silent
from training.trainer import train

LARGE_USERS, LARGE_ITEMS, LARGE_ROWS = 400_000, 20_000, 20_480
PAGE = resource.getpagesize()
app = typer.Typer(pretty_exceptions_enable=False)


class Meter(Silent):
    """Watches a run: how much memory the process holds at its steps, and what each epoch took."""

    def __init__(self) -> None:
        self.at_steps, self.cpu_seconds = 0, list[float]()
        self._cpu = time.process_time()

    def step(self, epoch: int, done: int, of: int) -> None:
        """Note the memory now; the first step of an epoch starts its clock."""
        resident = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * PAGE
        self.at_steps = max(self.at_steps, resident)

    def epoch(self, record: dict[str, Any]) -> None:
        """Note the processor time since the last one, validation and saving included."""
        now = time.process_time()
        self.cpu_seconds.append(now - self._cpu)
        self._cpu = now


def large() -> IndexedDataset:
    """Make the catalogue, by a seed: each row of training is a person and a thing drawn at random."""
    random = np.random.default_rng(0)
    pairs = np.stack([random.integers(LARGE_USERS, size=LARGE_ROWS), random.integers(LARGE_ITEMS, size=LARGE_ROWS)], 1)
    return IndexedDataset(
        name="large",
        content_hash="0" * 64,
        users=Vocabulary(f"u{k}" for k in range(LARGE_USERS)),
        items=Vocabulary(f"i{k}" for k in range(LARGE_ITEMS)),
        entities=Vocabulary([]),
        relations=Vocabulary([]),
        interactions={split: pairs if split == "train" else np.empty((0, 2), np.int64) for split in SPLITS},
        triples={split: np.empty((0, 3), np.int64) for split in SPLITS},
        alignment=np.full(LARGE_ITEMS, -1),
    )


def read(data: Path, config: TrainingConfig, processes: Processes) -> IndexedDataset:
    """Read what `train` reads: the whole data set, or this process's shards."""
    if processes.size == 1 or config.data_shards == 1:
        return IndexedDataset.of(Dataset.load(data))
    held = held_range(config.data_shards, processes)
    return load_held(data, config.data_shards, held, check_hash=processes.leads)


def most_memory() -> float:
    """Give the most memory that this process has held, in MiB; `ru_maxrss` would have what its parent held, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@app.command()
def main(
    run: Path,
    data: Annotated[str, typer.Option(help="A data set directory, or `large`.")],
    preset: str = "sample",
    settings: Annotated[list[str] | None, typer.Option("--set")] = None,
    shard_tables: bool = False,
) -> None:
    """Train, and write rank-K.json beside the run: history, memory in MiB, processor seconds."""
    torch.set_num_threads(1)
    started, meter = most_memory(), Meter()
    with joined_processes("cpu") as processes:
        if data == "large":
            values = {"model": {"name": "bprmf", "embedding_size": 256}, "epochs": 1, "batch_size": 2048}
            config, dataset = parse_config(values, "large"), large()
        else:
            config = load_recipe(preset, None, parse_overrides(settings or [])).config
            dataset = read(Path(data), config, processes)
        before = most_memory()
        result = train(config, dataset, run, torch.device("cpu"), meter, False, [], processes, shard_tables)
    found = {
        "history": result.history,
        "rows": len(dataset.interactions["train"]),
        "cpu_seconds": meter.cpu_seconds,
        "cpu_seconds_in_all": time.process_time(),
        "mib_started": round(started),
        "mib_before": round(before),
        "mib_at_steps": round(meter.at_steps / 2**20),
        "mib_at_most": round(most_memory()),
    }
    run.with_name(f"{run.name}-rank-{processes.rank}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    app()
