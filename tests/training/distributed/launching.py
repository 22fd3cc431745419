"""Processes started as a person starts them: by torchrun, on this machine, over gloo."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "200"}


@contextmanager
def started(*arguments: str, processes: int = 2, options: Sequence[str] = ()) -> Iterator["subprocess.Popen[str]"]:
    """Start a module in so many processes of one thread each; they are ended if the test does not wait for them."""
    options = ["--nproc-per-node", str(processes), "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", *options]
    command = [sys.executable, "-m", "torch.distributed.run", *options, "-m", *arguments]
    pipe = subprocess.PIPE
    running = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)  # torchrun ends its processes, too
            running.communicate(timeout=60)


def torchrun(*arguments: str, processes: int = 2) -> "subprocess.CompletedProcess[str]":
    """Run a module in so many processes, and give what they printed."""
    with started(*arguments, processes=processes) as running:
        out, err = running.communicate(timeout=240)
    return subprocess.CompletedProcess(arguments, running.returncode, out, err)


def alone(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module in one process, without torchrun."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False)
