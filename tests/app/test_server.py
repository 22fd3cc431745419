"""A real server process: raw paths as they come over the wire, one access line a request, an orderly end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.conftest import Backend

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workers() -> int:
    """Server processes."""
    return 1


@pytest.fixture
def server(sqlite: Backend, tmp_path: Path, workers: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`python -m app serve` on a free port; gives the port and the process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")} | {
        "KTUP_DATABASE_URL": sqlite.database_url,
        "KTUP_PORT": str(port),
        "KTUP_WORKERS": str(workers),
        "KTUP_RELEASES_DIR": str(tmp_path / "releases"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    wait_for(port, process)
    yield port, process
    if process.poll() is None:
        process.kill()
        process.communicate()


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    for _ in range(300):
        assert process.poll() is None, process.communicate()[1]
        try:
            if get(port, "/health/live")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server did not start")


def get(port: int, target: str) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", target, skip_accept_encoding=True)
    connection.endheaders()
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def test_a_server_is_live_at_once_says_what_is_missing_and_ends_in_order(
    server: tuple[int, subprocess.Popen[str]],
) -> None:
    port, process = server
    for _ in range(100):
        status, ready = get(port, "/health/ready")
        if ready["missing"] == {"release": "no release is active"}:
            break
        time.sleep(0.05)
    assert (status, ready["missing"]) == (503, {"release": "no release is active"})
    # Sent as it stands: the standard library neither decodes nor shortens a target.
    status, body = get(port, "/users/a%2Fb/recommendations?limit=0")
    assert (status, body["code"]) == (422, "invalid_parameter")
    status, body = get(port, "/users/%2E%2E/recommendations")
    assert (status, body["code"]) == (503, "no_active_release")
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert [
        (line["path"], line["status"])
        for line in lines
        if line.get("logger") == "app.access" and "a%2F" in line["path"]
    ] == [("/users/a%2Fb/recommendations", 422)]
    assert all(line["level"] != "error" for line in lines)


def children(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for one in map(int, found) for child in (one, *children(one))]


@pytest.mark.parametrize("workers", [2])
def test_several_processes_start_from_one_that_has_loaded_the_code_and_all_end_with_the_server(
    server: tuple[int, subprocess.Popen[str]],
) -> None:
    port, process = server
    for _ in range(300):
        listening = [pid for pid in children(process.pid) if len(list(Path(f"/proc/{pid}/task").iterdir())) > 1]
        if len(listening) == 2:
            break
        time.sleep(0.05)
    (parent,) = {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] for pid in listening}
    assert "forkserver" in Path(f"/proc/{parent}/cmdline").read_text()
    assert "libtorch" in Path(f"/proc/{parent}/maps").read_text()
    # Before the fork it had one thread: no lock that another one held was copied.
    assert len(list(Path(f"/proc/{parent}/task").iterdir())) == 1
    for _ in range(20):
        assert get(port, "/health/live")[0] == 200
    everybody = children(process.pid)
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert '"level": "error"' not in log
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in everybody):
            break
        time.sleep(0.05)
    assert [pid for pid in everybody if Path(f"/proc/{pid}").exists()] == []


def test_a_wrong_setting_is_one_line_and_exit_code_2() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "app", "serve"],
        cwd=ROOT,
        env={**os.environ, "KTUP_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.strip().splitlines() == ["error: KTUP_PORT: Input should be greater than or equal to 1"]
