"""The best epoch so far: which one it is, and its checkpoint in the run's folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from torch import nn

from training.run_state import CHECKPOINT, HISTORY, Progress, is_best_epoch


class BestEpoch:
    """Keeps one checkpoint, that of the best epoch; `write` makes a checkpoint of a model in a folder."""

    def __init__(self, run: Path, write: Callable[[Path, nn.Module], None]) -> None:
        self._run, self._write = run, write

    def path(self, progress: Progress) -> Path:
        """Give the folder of the best epoch's checkpoint."""
        return self._run / f"best-{progress.best_epoch:04d}"

    def keep(self, progress: Progress, model: nn.Module) -> None:
        """Write the checkpoint of the epoch that `progress` calls the best, which `model` is of.

        Raises:
            FileExistsError: something else has its name; it stays.
        """
        if is_best_epoch(self.path(progress)):
            shutil.rmtree(self.path(progress), ignore_errors=True)
        self._write(self.path(progress), model)

    def drop_older(self, progress: Progress) -> None:
        """Remove the checkpoints of epochs that were the best once: what goes on from `progress` needs none of them."""
        for path in self._run.iterdir():
            if path != self.path(progress) and is_best_epoch(path):
                shutil.rmtree(path)

    def publish(self, progress: Progress) -> None:
        """Write the history, then give the best checkpoint its name, by which the run is finished."""
        (self._run / HISTORY).write_text(json.dumps(progress.history, indent=2), encoding="utf-8")
        self.path(progress).rename(self._run / CHECKPOINT)
