"""One command of the offline job as a child process, watched, stopped, and never left behind unnoticed.

The child inherits a locked file. Should this process be killed, the lock lives as long as the child does: whoever takes
the job over sees that, and ends the child by the id that stands in the file before a second one writes to the same run.
"""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

ROOT = Path(__file__).resolve().parents[2]
LOG = "log.txt"
_LOCK = "lock"
_GRACE_SECONDS = 5.0
_TAIL_BYTES = 8_192
_SHOWN = 500

Watch = Callable[[], Awaitable[bool]]
"""Called while a command runs; False stops the command."""


class Occupied(Exception):
    """A child of another worker still runs in this folder and does not end."""


class Folder:
    """The folder of a job, held by this process and the children that it starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: BinaryIO | None = None

    async def __aenter__(self) -> Self:
        """Take the folder; a child that an earlier worker left behind is ended first.

        Raises:
            Occupied: it cannot be ended.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / _LOCK).open("a+b")
        for last in (False, True):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if last:
                    raise Occupied(str(self.path)) from None
                await self._end_orphan()
            else:
                break
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    @property
    def descriptor(self) -> int:
        """What a child inherits."""
        assert self._lock is not None, "the folder is not held"
        return self._lock.fileno()

    def note(self, pid: int) -> None:
        """Write down which child holds the lock from now on."""
        (self.path / _LOCK).write_text(str(pid), encoding="ascii")

    async def _end_orphan(self) -> None:
        text = (self.path / _LOCK).read_text(encoding="ascii").strip()
        if not text.isdigit():
            return
        for sent, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, _GRACE_SECONDS)):
            with suppress(ProcessLookupError):
                os.kill(int(text), sent)
            if await self._comes_free(patience):
                return

    async def _comes_free(self, patience: float) -> bool:
        assert self._lock is not None
        for _ in range(round(patience / 0.1)):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.1)
            else:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `message` is what it said for people, or what can be said about it."""

    exit_code: int
    message: str
    stopped: bool = False

    @property
    def good(self) -> bool:
        """Whether it did its work."""
        return self.exit_code == 0 and not self.stopped


async def run(folder: Folder, arguments: Sequence[str], watch: Watch, every_seconds: float) -> Ended:
    """Run `python -m training` with these arguments, its output at the end of the folder's log."""
    log = folder.path / LOG
    with log.open("ab") as output:
        began = output.tell()
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "training", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            pass_fds=(folder.descriptor,),
            start_new_session=True,
        )
    folder.note(child.pid)
    try:
        stopped = not await _watched(child, watch, every_seconds)
    finally:
        # Also where this task is cancelled: no child outlives its watch.
        await _end(child)
    assert child.returncode is not None
    return Ended(child.returncode, message_of(child.returncode, _tail(log, began)), stopped)


async def _watched(child: asyncio.subprocess.Process, watch: Watch, every_seconds: float) -> bool:
    while True:
        try:
            async with asyncio.timeout(every_seconds):
                await child.wait()
        except TimeoutError:
            if not await watch():
                return False
        else:
            return True


async def _end(child: asyncio.subprocess.Process) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            child.send_signal(sent)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await child.wait()


def message_of(exit_code: int, output: str) -> str:
    """Say in a line or two why a command ended so; never with a trace.

    >>> message_of(2, "epoch 1\\nerror: no such preset")
    'no such preset'
    >>> message_of(-9, "")
    'ended by signal 9 (killed; out of memory, perhaps)'
    """
    if exit_code < 0:
        hint = " (killed; out of memory, perhaps)" if exit_code == -signal.SIGKILL else ""
        return f"ended by signal {-exit_code}{hint}"
    lines = [line for line in output.splitlines() if line.strip()]
    told = [place for place, line in enumerate(lines) if line.startswith("error: ")]
    if told:
        return "\n".join(lines[told[-1] :]).removeprefix("error: ")[:_SHOWN]
    return f"ended with exit code {exit_code}; its last words: {lines[-1].strip()[:_SHOWN] if lines else 'none'}"


def _tail(log: Path, began: int) -> str:
    with log.open("rb") as file:
        file.seek(max(began, log.stat().st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace")
