"""`python -m tests.training.killed_run FOLDER`: runs on the planted world, each killed as by kill -9 at another moment.

Each is a process of its own, forked before torch computed anything: torch is loaded once for all of them.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from tests.training import planted
from training import run_state, trainer
from training.config import TrainingConfig

MOMENTS = ("after epoch 2", "within epoch 3", "between the best epoch and the state")


def settings() -> TrainingConfig:
    """Everything that a resumed run has to bring back: noise, a schedule, moments, negatives, patience."""
    optimiser = {"learning_rate": 0.05, "schedule": "cosine", "weight_decay": 1e-5}
    return planted.config({**planted.KTUP, "strategy": "hard"}, epochs=4, optimiser=optimiser)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(planted.Quiet):
    """Watches until the moment has come."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment = moment

    def step(self, epoch: int, done: int, of: int) -> None:
        if self.moment == "within epoch 3" and (epoch, done) == (3, 2):
            kill()

    def epoch(self, record: dict[str, Any]) -> None:
        if self.moment == "after epoch 2" and record["epoch"] == 2:
            kill()


def run_until(moment: str, folder: Path) -> None:
    plain = run_state.save_state

    def save_state(run: Path, *rest: Any) -> None:
        if moment == "between the best epoch and the state" and (run / "best-0002").exists():
            kill()
        plain(run, *rest)

    with patch.object(trainer, "save_state", save_state):
        planted.run(settings(), planted.indexed(), folder, Killer(moment))


def main(folder: str) -> None:
    """Print how each run ended, a line for each moment."""
    torch.set_num_threads(1)
    for moment in MOMENTS:
        if (child := os.fork()) == 0:
            run_until(moment, Path(folder) / moment)
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
