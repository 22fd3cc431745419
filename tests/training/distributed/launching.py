"""Processes started as a person starts them: by torchrun, on this machine, over gloo."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]


def torchrun(*arguments: str, processes: int = 2, options: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    """Run a module in so many processes of one thread each; what they print comes back."""
    options = ["--nproc-per-node", str(processes), "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", *options]
    command = [sys.executable, "-m", "torch.distributed.run", *options, "-m", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        out, err = started.communicate(timeout=240)
    except BaseException:
        started.send_signal(signal.SIGTERM)  # torchrun ends its processes, too
        started.communicate(timeout=60)
        raise
    return subprocess.CompletedProcess(command, started.returncode, out, err)
