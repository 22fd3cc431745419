"""Server processes to measure: started as a person starts them, watched through /proc, ended by their ids."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server; `ready_seconds` from its start to its first good answer."""

    process: "subprocess.Popen[bytes]"
    port: int
    ready_seconds: float

    @property
    def pids(self) -> list[int]:
        """Its first process and those that it started."""
        return [self.process.pid, *_children(self.process.pid)]

    def cpu_seconds(self) -> float:
        """CPU time of all of them until now, in user and system mode."""
        return sum(_cpu_seconds(pid) for pid in self.pids)

    def memory_mib(self) -> dict[str, float]:
        """Give what all of them hold: PSS counts a shared page in parts, private memory is theirs alone."""
        totals = {"pss": 0.0, "private": 0.0}
        for pid in self.pids:
            rows = _smaps(pid)
            totals["pss"] += rows["Pss"] / 1024
            totals["private"] += (rows["Private_Clean"] + rows["Private_Dirty"]) / 1024
        return totals


@contextmanager
def serving(
    arguments: list[str], path: str, environment: Mapping[str, str], core: int | None, log: Path
) -> Iterator[Server]:
    """Start `python ARGUMENTS`, with `{port}` filled in, wait until `path` answers 200, and end it afterwards.

    Raises:
        RuntimeError: it ended, or did not answer within two minutes; with the end of its log.
    """
    port = free_port()
    values = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")}
    values |= {"OMP_NUM_THREADS": "1", **environment, "KTUP_PORT": str(port)}
    command = [sys.executable, *(argument.format(port=port) for argument in arguments)]
    began = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=values, stdout=errors, stderr=errors)
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    try:
        _wait(process, port, path, log)
        yield Server(process, port, time.perf_counter() - began)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def call(port: int, path: str) -> tuple[int, bytes]:
    """Ask once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _wait(process: "subprocess.Popen[bytes]", port: int, path: str, log: Path) -> None:
    deadline, answer = time.monotonic() + 120, b""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            status, answer = call(port, path)
            if status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
    raise RuntimeError(f"the server did not answer {path}: {answer.decode(errors='replace')[:300]}\n{tail}")


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            for child in (task / "children").read_text(encoding="ascii").split():
                found += [int(child), *_children(int(child))]
    return found


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _smaps(pid: int) -> dict[str, int]:
    """Give the kilobytes of each line of smaps_rollup."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def run(*arguments: str, environment: Mapping[str, str]) -> None:
    """Run a command of the project.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    values = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")} | dict(environment)
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=values, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.decode(errors='replace')[-2_000:]}")


def user_ids(dataset: Path) -> list[str]:
    """Read the users' ids off a release's vocabulary, or a list."""
    ids: list[str] = json.loads(dataset.read_text(encoding="utf-8"))
    return ids
