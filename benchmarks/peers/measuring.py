"""A clock and a cut loader; plain Python, since every side's environment imports this file."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

WARM_UP = 5
"""Batches before the clock starts: first calls allocate, build caches and load code."""

Measurement = dict[str, float]


def timed(work: Callable[[], float]) -> Measurement:
    """Do the work, which tells how much it did; give that amount, the wall time and the process's own time.

    Where the own time is far below the wall time, others used the core, and only the own time can be compared.
    """
    seconds, cpu_seconds = time.perf_counter(), time.process_time()
    amount = work()
    return {
        "amount": amount,
        "seconds": time.perf_counter() - seconds,
        "cpu_seconds": time.process_time() - cpu_seconds,
    }


def between(short: Measurement, long: Measurement) -> Measurement:
    """Give what the longer of two runs did more: the cost of a piece of work without what every run costs once.

    >>> between({"amount": 1, "seconds": 5, "cpu_seconds": 5}, {"amount": 3, "seconds": 9, "cpu_seconds": 8})
    {'amount': 2, 'seconds': 4, 'cpu_seconds': 3}
    """
    return {name: long[name] - short[name] for name in long}


class FirstBatches:
    """A loader cut after some batches; it counts the rows, and is the loader itself in all else."""

    def __init__(self, loader: Any, batches: int) -> None:
        self._loader, self._batches, self.rows = loader, batches, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return min(self._batches, len(self._loader))

    def __iter__(self) -> Iterator[Any]:
        for batch in islice(iter(self._loader), self._batches):
            self.rows += len(batch)
            yield batch
