"""The offline job as its own processes, and a server as a person starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import once

ROOT = Path(__file__).parents[2]


def run(*arguments: object, **environment: str) -> str:
    """Run a command of the project from its root; gives what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Built:
    """What the offline job left: a data set, a checkpoint and two releases of it."""

    dataset: Path
    releases: Path
    first: str = "first"
    second: str = "second"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sample data, converted, trained for a few epochs and released twice."""
    home = once(tmp_path_factory, "offline", _build)
    return _built_in(home)


def _built_in(home: Path) -> Built:
    return Built(home / "dataset", home / "releases")


def _build(home: Path) -> None:
    made = _built_in(home)
    run("training", "convert", "--format", "tables", "data/sample/raw", made.dataset, "--name", "sample")
    for release_id, epochs in ((made.first, 8), (made.second, 2)):
        out = home / f"run-{release_id}"
        settings = ["--set", f"epochs={epochs}", "--threads", 1]
        run("training", "train", "--no-report", "--preset", "sample", "--data", made.dataset, "--out", out, *settings)
        arguments = ["--checkpoint", out / "checkpoint", "--releases", made.releases, "--id", release_id]
        run("training", "release", "--data", made.dataset, *arguments)


Serve = Callable[[dict[str, str]], AbstractContextManager[tuple[httpx.Client, "subprocess.Popen[bytes]"]]]


@contextmanager
def started(
    environment: dict[str, str], wait_for: str = "/health/ready"
) -> Iterator[tuple[httpx.Client, "subprocess.Popen[bytes]"]]:
    """Start `python -m app serve` with an environment; gives a client, once it is ready, and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    values = {**os.environ, **environment, "KTUP_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "app", "serve"], cwd=ROOT, env=values)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait_until_ready(client, process, wait_for)
            yield client, process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def serve() -> Serve:
    """Start a server, as often as a test wants one."""
    return started


def _wait_until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]", path: str) -> None:
    deadline = time.monotonic() + 120
    answer = "nothing"
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            response = client.get(path)
            if response.is_success:
                return
            answer = response.text
        except httpx.TransportError as error:
            answer = repr(error)
        time.sleep(0.1)
    raise AssertionError(f"not ready after two minutes: {answer}")
