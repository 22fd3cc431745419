"""SIGTERM: what is in flight is answered, the process is ready no more, takes nothing new, and ends with 0."""

import http.client
import json
import signal
import time

import pytest

from tests.faults import films
from tests.faults.conftest import Place, Serve
from tests.faults.processes import Gone, Server, until


class Slow:
    """A request whose body comes in two parts; the server is busy with it until the second one."""

    def __init__(self, server: Server) -> None:
        self._body = json.dumps({"user_ids": films.PEOPLE[:5]}).encode()
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._connection.putrequest("POST", "/recommendations/batch")
        self._connection.putheader("Content-Type", "application/json")
        self._connection.putheader("Content-Length", str(len(self._body)))
        self._connection.endheaders(self._body[:20])

    def finish(self) -> tuple[int, int]:
        """Send the rest; gives the status, and how many lists came."""
        self._connection.send(self._body[20:])
        answer = self._connection.getresponse()
        return answer.status, len(json.loads(answer.read())["results"])


def nobody_listens(server: Server) -> bool:
    """Whether no process takes connections; the port itself is open as long as the one that watches over them is."""
    try:
        server.get("/health/live", timeout=0.5)
    except Gone:
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_c106_a_request_in_flight_gets_its_answer_though_the_server_was_told_to_end(
    on_sqlite: Place, serve: Serve, workers: int
) -> None:
    server = serve(on_sqlite, workers=workers)
    slow = [Slow(server) for _ in range(8)]
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: nobody_listens(server))
    assert server.process.poll() is None
    assert [each.finish() for each in slow] == [(200, 5)] * 8
    assert server.process.wait(30) == 0
    assert '"level": "error"' not in server.said()


def test_c106_while_it_drains_a_server_is_not_ready_and_still_answers(on_sqlite: Place, serve: Serve) -> None:
    server = serve(on_sqlite, drain_seconds=3)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.status("/health/ready") == 503, 2)
    status, body = server.get("/health/ready")
    assert (status, body["missing"]) == (503, {"server": "it is shutting down"})
    assert server.status("/users/u1/recommendations") == 200
    assert server.process.wait(30) == 0
    with pytest.raises(Gone):
        server.get("/health/live")


def test_a_second_sigterm_ends_a_draining_server_at_once(on_sqlite: Place, serve: Serve) -> None:
    server = serve(on_sqlite, drain_seconds=600)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.status("/health/ready") == 503, 5)
    assert server.terminate() == 0
