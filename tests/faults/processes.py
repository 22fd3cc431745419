"""Real processes of the project: started as a person starts them, asked over HTTP, killed by their ids."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0


def environment(**values: object) -> dict[str, str]:
    """This process's environment without our settings, and with those that are given by their short names."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")}
    mine = {f"KTUP_{name.upper()}": str(value) for name, value in values.items()}
    return plain | {"OMP_NUM_THREADS": "1"} | mine


def command(*arguments: object, env: Mapping[str, str], timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """Run `python -m …` to its end."""
    words = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until a condition holds; gives how long that took, fails after some time."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"what was waited for did not happen within {seconds} s")


class Gone(Exception):
    """No answer: the server refused, closed or never answered."""


@dataclass(frozen=True)
class Server:
    """A server process, and how to ask it."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def ask(self, method: str, path: str, body: object = None, timeout: float = 30) -> tuple[int, Any]:
        """Ask once on a connection of its own.

        Raises:
            Gone: there was no whole answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or "null")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Gone(repr(error)) from error
        finally:
            connection.close()

    def get(self, path: str, timeout: float = 30) -> tuple[int, Any]:
        return self.ask("GET", path, timeout=timeout)

    def status(self, path: str) -> int:
        """The status of a GET; 0 for no answer."""
        try:
            return self.get(path)[0]
        except Gone:
            return 0

    def wait_until_ready(self) -> float:
        assert self.process.poll() is None, self.said()
        return until(lambda: self._alive() and self.status("/health/ready") == 200)

    def wait_until_live(self) -> float:
        return until(lambda: self._alive() and self.status("/health/live") == 200)

    def activate(self, release_id: str) -> None:
        status, body = self.ask("POST", f"/releases/{release_id}/activate")
        assert status == 200, body

    def terminate(self) -> int:
        """Ask it to end; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """kill -9, its children too."""
        for pid in [*children(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(PATIENCE_SECONDS)

    def rss_mib(self) -> float:
        """Resident memory of the process."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.said()
        return True


def children(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    found = path.read_text().split() if path.exists() else []
    return [child for one in map(int, found) for child in (one, *children(one))]


@contextmanager
def running(*arguments: str, env: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `python -m …` beside the test; whatever happens, it is gone afterwards."""
    with log.open("ab") as output:
        words = [sys.executable, "-m", *arguments]
        process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        yield process
    finally:
        for pid in [*children(process.pid), process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()


@contextmanager
def serving(env: Mapping[str, str], log: Path, port: int | None = None) -> Iterator[Server]:
    """Run `python -m app serve`, on a free port where none is named; it need not be live yet."""
    at = port or free_port()
    with running("app", "serve", env={**env, "KTUP_PORT": str(at)}, log=log) as process:
        yield Server(process, at, log)
