"""`python -m tests.training.suite.killed_suite PRESET FOLDER`: a suite that is killed within its third run.

Killed as by kill -9: in the second epoch of transe, when bprmf and tup-soft are finished.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from tests.training import planted
from tests.training.suite import small

KILLED = "transe, seed 0"


class Killer(small.Watching):
    """Watches until the moment has come."""

    def step(self, epoch: int, done: int, of: int) -> None:
        if self.told[-1].startswith("  epoch   1") and KILLED in "".join(self.told[-2:]) and epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def main(preset: str, folder: str) -> None:
    """Run until the kill."""
    torch.set_num_threads(1)
    small.run(small.request(Path(preset)), planted.indexed(), Path(folder), Killer())


if __name__ == "__main__":
    main(*sys.argv[1:])
