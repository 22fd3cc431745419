"""What a process holds, as Linux counts it: no figure elsewhere."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Memory:
    """In MB. `anonymous` is a process's own; `file` are pages of mapped files, which the system may drop at any time.

    `pss` counts a page that k processes share as a k-th of one.
    """

    anonymous: float
    file: float
    pss: float


def memory_of(pid: int | str = "self") -> Memory:
    """Read it now.

    Raises:
        OSError: no such process, or the system has no /proc.
    """
    status = _fields(Path(f"/proc/{pid}/status"))
    rollup = _fields(Path(f"/proc/{pid}/smaps_rollup"))
    return Memory(status["RssAnon"], status["RssFile"], rollup["Pss"])


def _fields(path: Path) -> dict[str, float]:
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return {line[0].rstrip(":"): int(line[1]) * 1024 / 1e6 for line in lines if len(line) == 3 and line[2] == "kB"}


@contextmanager
def peak_anonymous() -> Iterator[list[float]]:
    """Give a list whose one number is, at the end, the most anonymous memory of this process meanwhile, in MB."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_SECONDS):
            peak[0] = max(peak[0], _fields(Path("/proc/self/status"))["RssAnon"])

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
        peak[0] = max(peak[0], _fields(Path("/proc/self/status"))["RssAnon"])
