"""Keys and passwords with a mark: in no log line at the loudest level, no answer, no metric, no error of a command."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Backend

ROOT = Path(__file__).parents[2]
MARK = "hunter2Mark"
KEY = f"ktup_0123456789ab_{MARK:x<43}"


def settings(**values: str) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")}
    return bare | {"KTUP_LOG_LEVEL": "debug", "OMP_NUM_THREADS": "1"} | values


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: Any) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    text = f"{response.headers}{response.read().decode(errors='replace')}"
    connection.close()
    return response.status, text


@contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[int]:
    """`python -m app serve`, logging to a file; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            cwd=ROOT,
            env={**environment, "KTUP_PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                ask(port, "GET", "/health/live")
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def requests_with_the_key(port: int) -> list[tuple[int, str]]:
    """Ask in every way that ends in an error: refused, unknown, unreadable, too large, wrong method."""
    bearer: dict[str, Any] = {"Authorization": f"Bearer {KEY}"}
    return [
        ask(port, "GET", "/items", **bearer),
        ask(port, "GET", "/items", X_API_Key=KEY),
        ask(port, "GET", "/items", Authorization=f"Basic {KEY}"),
        ask(port, "GET", f"/items?api_key={KEY}&key={KEY}"),
        ask(port, "POST", "/events", b"{" + KEY.encode(), Content_Type="application/json", **bearer),
        ask(port, "POST", "/events", b"x" * 5_000, **bearer),
        ask(port, "DELETE", "/health/live", **bearer),
        ask(port, "GET", "/nothing", Cookie=f"key={KEY}", **bearer),
        ask(port, "GET", "/metrics", **bearer),
        ask(port, "GET", "/health/ready", **bearer),
        ask(port, "GET", "/openapi.json", **bearer),
    ]


@pytest.mark.parametrize("access", ["keys", "open"])
def test_a_key_stands_in_no_log_and_no_answer(sqlite: Backend, tmp_path: Path, access: str) -> None:
    environment = settings(KTUP_DATABASE_URL=sqlite.database_url, KTUP_ACCESS=access, KTUP_MAX_BODY_BYTES="4096")
    log = tmp_path / "log.txt"
    with serving(environment, log) as port:
        answers = requests_with_the_key(port)
    statuses = {status for status, _ in answers}
    assert statuses >= ({200, 401} if access == "keys" else {200, 404, 405, 413, 422})
    assert [text for _, text in answers if MARK in text] == []
    lines = log.read_text()
    assert '"logger": "app.access"' in lines
    assert MARK not in lines


def test_passwords_of_stores_that_are_away_stand_in_no_log_and_no_answer(tmp_path: Path) -> None:
    for name in ("database", "redis"):
        (tmp_path / name).write_text(f"{MARK}\n")
    environment = settings(
        KTUP_DATABASE_URL="postgresql://ktup@127.0.0.1:1/ktup",
        KTUP_DATABASE_PASSWORD_FILE=str(tmp_path / "database"),
        KTUP_REDIS_URL="redis://127.0.0.1:1/0",
        KTUP_REDIS_PASSWORD_FILE=str(tmp_path / "redis"),
        KTUP_ACCESS="open",
    )
    log = tmp_path / "log.txt"
    with serving(environment, log) as port:
        answers = [
            ask(port, "GET", path)
            for path in ("/health/ready", "/items", "/users/u/recommendations", "/releases", "/metrics")
        ]
        answers.append(ask(port, "PUT", "/users/u", b"{}", Content_Type="application/json"))
        time.sleep(1)
    assert 503 in {status for status, _ in answers}
    assert [text for _, text in answers if MARK in text] == []
    lines = log.read_text()
    assert json.loads(lines.splitlines()[-1])
    assert MARK not in lines


@pytest.mark.parametrize(
    "command",
    [
        ("app", "migrate"),
        ("app", "releases"),
        ("app", "keys", "list"),
        ("app", "import", "data/sample"),
        ("app", "activate", "x"),
        ("app", "rollback"),
        ("app", "worker"),
        ("app", "serve"),
    ],
)
def test_no_command_repeats_a_password_when_it_fails(command: tuple[str, ...]) -> None:
    environment = settings(
        KTUP_DATABASE_URL=f"postgresql://ktup:{MARK}@127.0.0.1:1/ktup?ssl={MARK}",
        KTUP_START_WAIT_SECONDS="1",
        KTUP_REDIS_URL=f"http://:{MARK}@127.0.0.1:1/0" if command[-1] == "serve" else f"redis://:{MARK}@127.0.0.1:1/0",
    )
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert done.stderr
    assert MARK not in done.stdout + done.stderr
