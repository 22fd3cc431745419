"""Callers that never come to an end: heads, targets and trailers without bound are cut off, and not kept."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import bounded_http
from tests.app.conftest import Backend
from tests.security.test_secrets_stay import serving, settings

PIECE = 64 * 1024
SENT_BYTES = 64 * 2**20
"""Far more than the server may keep; nothing of ours sends a thousandth of it."""


@pytest.fixture
def port(sqlite: Backend, tmp_path: Path) -> Iterator[int]:
    environment = settings(KTUP_DATABASE_URL=sqlite.database_url, KTUP_ACCESS="open")
    with serving(environment, tmp_path / "log.txt") as port:
        yield port


def kept_mib(port: int) -> float:
    """The memory of the process that listens on the port."""
    inode = {row.split()[9] for row in Path("/proc/net/tcp").read_text().splitlines() if f":{port:04X} 00000000" in row}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = {str(link.readlink()) for link in (process / "fd").iterdir()}
            if links & {f"socket:[{number}]" for number in inode}:
                return int((process / "statm").read_text().split()[1]) * 4096 / 2**20
        except OSError:
            continue
    pytest.fail("nobody listens")


def answer_to(port: int, first: bytes, piece: bytes) -> tuple[bytes, int]:
    """Send without end; gives the first line of the answer, and how much was sent until the connection went."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(first)
        try:
            while sent < SENT_BYTES:
                connection.sendall(piece)
                sent += len(piece)
            return b"", sent
        except OSError:
            try:
                return connection.recv(4096).partition(b"\r\n")[0], sent
            except OSError:
                return b"", sent


GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
POST = (
    b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (GET, b"X-A: " + b"a" * PIECE + b"\r\n"),
        (GET + b"X-A: ", b"a" * PIECE),
        (GET, b"A: b\r\n" * 8_000),
        (b"GET /", b"a" * PIECE),
        (POST + b"2\r\n[]\r\n0\r\n", b"X-A: " + b"a" * PIECE + b"\r\n"),
        (POST + b"2;", b"a" * PIECE),
    ],
    ids=["many large headers", "one header", "many small headers", "a target", "trailers", "a chunk extension"],
)
def test_what_has_no_end_is_cut_and_not_kept(port: int, first: bytes, piece: bytes) -> None:
    before = kept_mib(port)
    _, sent = answer_to(port, first, piece)
    # The sockets' own buffers take some MiB, too.
    assert sent < SENT_BYTES / 4
    assert kept_mib(port) - before < 16
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(GET + b"Connection: close\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_long_head_and_a_body_in_tiny_pieces_are_no_trouble(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(GET + b"X-A: " + b"a" * 30_000 + b"\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(POST + b"1\r\n[\r\n" + b"1\r\n \r\n" * 100_000 + b"1\r\n]\r\n0\r\n\r\n")
        status = connection.recv(4096).partition(b"\r\n")[0]
        assert status.split()[1] not in (b"431", b"400", b"500")


def test_a_head_that_does_not_come_ends_the_connection(
    sqlite: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same server with less patience: twenty seconds are too long for a test.
    command = "from app import bounded_http, cli_serve; bounded_http.HEAD_SECONDS = 0.5; cli_serve.serve()"
    assert bounded_http.HEAD_SECONDS == 20
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    environment = settings(KTUP_DATABASE_URL=sqlite.database_url, KTUP_ACCESS="open", KTUP_PORT=str(number))
    process = subprocess.Popen([sys.executable, "-c", command], env=environment, cwd=Path(__file__).parents[2])
    try:
        for _ in range(600):
            try:
                silent = socket.create_connection(("127.0.0.1", number), timeout=10)
                break
            except OSError:
                time.sleep(0.1)
        slow = socket.create_connection(("127.0.0.1", number), timeout=10)
        slow.sendall(b"GET /health/live HT")
        again = socket.create_connection(("127.0.0.1", number), timeout=10)
        again.sendall(GET + b"\r\n")
        answer = b""
        while not answer.endswith(b"}"):  # the head and the body may come as two pieces
            answer += again.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
        again.sendall(b"GET /health/live HT")
        for connection in (silent, slow, again):
            assert connection.recv(4096) == b""
            connection.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
