"""Makes the chunks of a folder: in this process, or by workers of Ray Data, which run the same code.

A worker is a process of its own that holds the release and goes through chunks; all map the same files, so what is
large is in memory once a machine. Which chunk is done is told by the folder, not by the engine: whatever dies, a next
run makes what is missing.
"""

import asyncio
import importlib.util
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from app.lists.folder import ListsError, ListsFolder
from app.lists.scoring import ChunkScorer, Made, opened_scorer
from app.settings import Settings, load_settings

GROUP = "cluster"
_OBJECT_STORE_BYTES = 100 * 2**20
"""For numbers of chunks alone: Ray would take a third of the memory."""


class ChunkWorker:
    """One process that scores: it loads the release once, for as long as there are chunks."""

    def __init__(self, folder: ListsFolder, settings: Settings | None = None) -> None:
        """Load the release; settings come from the environment, so that no secret passes through the engine."""
        self._runner = asyncio.Runner()
        self._open = AsyncExitStack()
        try:
            scorer = opened_scorer(settings or load_settings(), folder)
            self._scorer: ChunkScorer = self._runner.run(self._open.enter_async_context(scorer))
        except BaseException:
            self._runner.close()
            raise

    def make(self, chunk: int) -> Made:
        """Score a chunk and write it."""
        return self._runner.run(self._scorer.make(chunk))

    def close(self) -> None:
        """Close what is open."""
        self._runner.run(self._open.aclose())
        self._runner.close()


def in_this_process(folder: ListsFolder, chunks: Sequence[int], settings: Settings | None = None) -> Iterator[int]:
    """Make chunks one after the other; gives the users of each."""
    worker = ChunkWorker(folder, settings)
    try:
        for chunk in chunks:
            yield worker.make(chunk).users
    finally:
        worker.close()


def on_ray(folder: ListsFolder, chunks: Sequence[int], workers: int, address: str | None = None) -> Iterator[int]:
    """Make chunks by `workers` processes, in whatever order they are done; gives the users of each.

    Args:
        folder: must be the same for all machines, and so must releases and database.
        chunks: their numbers.
        workers: processes; each takes one CPU.
        address: of a Ray cluster; None starts Ray on this machine, which ends with this process.

    Raises:
        ListsError: Ray Data is not installed or does not start, or a worker failed; the message says why.
    """
    ray = _started(workers, address)
    try:
        numbers = ray.data.from_items([{"chunk": chunk} for chunk in chunks], override_num_blocks=len(chunks))
        made = numbers.map_batches(
            RayWorker, fn_constructor_args=(folder,), batch_size=1, concurrency=min(workers, len(chunks)), num_cpus=1
        )
        for row in made.iter_rows():
            yield int(row["users"])
    except ray.exceptions.RayError as error:
        raise ListsError(f"a worker failed: {_sentence(error)}") from error
    finally:
        ray.shutdown()


class RayWorker:
    """A `ChunkWorker` as Ray Data wants one: columns in, columns out."""

    def __init__(self, folder: ListsFolder) -> None:
        self._worker = ChunkWorker(folder)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        """Make the chunks of a column `chunk`."""
        return {"users": [self._worker.make(int(chunk)).users for chunk in batch["chunk"]]}


def check_installed() -> None:
    """Make sure that workers can be started; ListsError names the group to install."""
    if importlib.util.find_spec("ray") is None:
        raise ListsError(
            "--workers needs Ray Data, which is not installed: run "
            f"`pip install --group {GROUP} --constraint constraints.txt`, or leave it out"
        )


def check_reachable(address: str, seconds: float = 5.0) -> None:
    """Make sure that something listens at the address of a Ray cluster: Ray itself would try for minutes.

    Args:
        address: HOST:PORT, ray://HOST:PORT, or `auto` and `local`, which Ray finds by itself.
        seconds: how long to wait for an answer.

    Raises:
        ListsError: the address is none of these, or nothing answers there.
    """
    if address in _FOUND_BY_RAY:
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ListsError(f"--address: expected HOST:PORT, ray://HOST:PORT or auto, got {address!r}")
    try:
        asyncio.run(_connect(host.strip("[]"), int(port), seconds))
    except OSError as error:
        reason = str(error) or f"nothing within {seconds:g} s"
        raise ListsError(f"--address: no Ray cluster answers at {address}: {reason}") from error


async def _connect(host: str, port: int, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()


def _started(workers: int, address: str | None) -> Any:
    check_installed()
    # Ray would tell its makers how it is used, and say much about itself.
    os.environ |= _QUIET
    import ray
    import ray.data

    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        if address is not None:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            # One CPU more than workers: what deals them the chunks runs, too.
            ray.init(num_cpus=workers + 1, object_store_memory=_OBJECT_STORE_BYTES, **_OF_ONE_MACHINE)
    except Exception as error:  # Ray raises plain ones
        raise ListsError(f"Ray does not start: {_sentence(error)}") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


_FOUND_BY_RAY = ("auto", "local")
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_OF_ONE_MACHINE: dict[str, Any] = {
    "include_dashboard": False,
    "log_to_driver": False,
    "logging_level": logging.ERROR,
    "_node_ip_address": "127.0.0.1",
}


def _sentence(error: BaseException) -> str:
    """Give the sentence of what went wrong: of a worker's trace, the last line that names an error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if _ERROR.match(line)]
    return [*lines[:1], *told][-1] if lines else type(error).__name__


_ERROR = re.compile(r"[A-Za-z_][A-Za-z_.]*: ")
