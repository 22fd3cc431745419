"""The service benchmark: its client reads answers whole, its servers send the bytes, its report divides right."""

import asyncio
import os
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import uvloop

from benchmarks import service
from benchmarks.load import Connection, RequestFailed, at_rate, get, post, saturate
from benchmarks.ready_bytes import KINDS
from benchmarks.servers import call, run, serving
from benchmarks.service import Plan, lines

BODY = b'{"items":[' + b"1," * 40_000 + b"1]}"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An empty database, migrated, and no releases."""
    values = {"KTUP_DATABASE_URL": f"sqlite:///{tmp_path / 'ktup.db'}", "KTUP_RELEASES_DIR": str(tmp_path)}
    run("-m", "app", "migrate", environment=values)
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_sends_exactly_the_ready_bytes_and_a_load_counts_them(
    kind: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(BODY)
    arguments = ["-m", "benchmarks.ready_bytes", kind, "{port}", str(tmp_path / "body")]
    with serving(arguments, "/ready/u/bytes", environment, None, tmp_path / "log") as server:
        assert call(server.port, "/ready/a%20b/bytes?limit=3") == (200, BODY)
        before = server.cpu_seconds()
        load = uvloop.run(saturate(server.port, cycle([get("/ready/u/bytes")]), 4, 0.3))
        assert len(load.latencies) >= 4
        assert server.cpu_seconds() >= before
        assert 0 < load.percentile(50) <= load.percentile(99)
        memory = server.memory_mib()
        assert memory["pss"] >= memory["private"] > 5
        pid = server.process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_our_own_stack_refuses_what_our_route_refuses(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"{}")
    arguments = ["-m", "benchmarks.ready_bytes", "stack", "{port}", str(tmp_path / "body")]
    with serving(arguments, "/ready/u/bytes", environment, None, tmp_path / "log") as server:
        assert call(server.port, "/ready/u/bytes?limit=101")[0] == 422
        with pytest.raises(RequestFailed, match="invalid_parameter"):
            uvloop.run(saturate(server.port, iter([get("/ready/u/bytes?limit=0")]), 1, 1))


def test_a_server_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="no such kind"),
        serving(["-c", "raise SystemExit('no such kind')"], "/", {}, None, tmp_path / "log"),
    ):
        pass


async def _pieces(port_of: "asyncio.Future[int]", pieces: list[bytes]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port_of.set_result(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def test_an_answer_that_comes_in_pieces_is_read_whole_and_the_next_one_is_its_own() -> None:
    async def run() -> list[bytes]:
        loop = asyncio.get_running_loop()
        port = loop.create_future()
        head = [b"HTTP/1.1 200 OK\r\nContent-", b"Length: 6\r\n\r", b"\nabc", b"def"]
        server = asyncio.create_task(_pieces(port, head))
        _, connection = await loop.create_connection(Connection, "127.0.0.1", await port)
        bodies = [await connection.send(get("/")) for _ in range(3)]
        connection.close()
        server.cancel()
        return bodies

    assert uvloop.run(run()) == [b"abcdef"] * 3


def test_latency_counts_from_when_a_request_was_due_not_from_when_a_connection_came_free() -> None:
    async def run() -> list[float]:
        port = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(_pieces(port, [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] * 1))
        # One connection takes at least a millisecond each, and 5,000 a second are due: they pile up.
        load = await at_rate(await port, cycle([post("/", b"{}")]), 1, 0.1, 5_000)
        server.cancel()
        return load.latencies

    latencies = uvloop.run(run())
    assert latencies[-1] > 5 * latencies[0]


def test_the_report_divides_ours_by_theirs_and_names_the_targets() -> None:
    rate = {"per_second": 800.0, "per_cpu_second": 900.0}
    computed = {**rate, "half_rate": 400.0, "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0}
    batch = {"users": 1_000, "batch_seconds": 0.5, "alone_seconds": 12.0, "ratio": 24.0, "cpu_ratio": 25.0}
    result: dict[str, Any] = {
        "cached": {
            "bytes": 9,
            "sides": dict.fromkeys(("cached", *KINDS), rate),
            "ratios": {kind: {"per_second": 0.83, "per_cpu_second": 0.85} for kind in KINDS},
        },
        "computed": {"none": computed, "summary": {**computed, "per_cpu_second": 450.0}},
        "batch": {"none": batch, "summary": batch},
        "workers": {"1": {"ready_seconds": 4.0, "pss_mib": 300.0, "private_mib": 250.0}},
    }
    rows = {row[0]: row[1:] for row in lines(result)}
    assert rows["cached answer / ready bytes (stack)"][::2] == ("0.83 (CPU 0.85)", ">= 0.8")
    assert rows["CPU of explain=summary / none"][0] == "2.00"
    assert rows["1000 users one by one / as a batch, explain=none"][::2] == ("24.0 (CPU 25.0)", ">= 20")
    assert rows["1 worker(s): start to ready"] == ("4.0 s", "PSS 300 MiB, private 250 MiB", "<= 5 s")


def test_the_server_keeps_a_core_of_its_own_when_the_load_is_pinned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 1})
    plan = Plan(tmp_path, tmp_path, "r", 1.0, 1, 1, (1,))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3})
    assert plan.cores == (1, 3)
    assert Plan(tmp_path, tmp_path, "r", 1.0, 1, 1, (1,)).cores == (None, None)


@pytest.mark.parametrize("explain", ["none", "summary"])
def test_a_batch_and_its_single_calls_ask_for_the_same_reasons(explain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def timed(_server: Any, requests: list[bytes]) -> tuple[float, float]:
        sent.extend(requests)
        return 1.0, 1.0

    monkeypatch.setattr(service, "_timed", timed)
    service._batch(None, ["a", "b"], explain)  # type: ignore[arg-type]
    batches = [request for request in sent if request.startswith(b"POST")]
    alone = [request for request in sent if request.startswith(b"GET")]
    assert all(f'"explain": "{explain}"'.encode() in request for request in batches)
    assert [f"explain={explain}".encode() in request for request in alone] == [True, True]
