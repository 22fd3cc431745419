"""`python -m training`."""

import os
import sys

# Read by OpenMP when torch is loaded, so it is set first. By default a thread that waits for the others spins; where
# the machine does something else too, all of them then wait for one that spins in vain: an epoch of the sample took
# 10 s instead of 0.5 s on two cores with one of them busy. Sleeping costs some microseconds on an idle machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training import cli_files

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in cli_files.COMMANDS:
        cli_files.app(prog_name="python -m training")
    else:
        from training.cli import app

        app(prog_name="python -m training")
