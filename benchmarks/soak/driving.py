"""Sending a load, swapping releases under it, and watching the memory."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence

from benchmarks.load import Connection, RequestFailed, post
from benchmarks.servers import Server
from benchmarks.soak.traffic import Ask, Seen

CONNECTIONS = 8


async def drive(port: int, asks: Iterator[Ask], seconds: float, rate: float | None, seen: Seen) -> float:
    """Ask for some seconds: `rate` a second, when they are due, or as fast as answers come; gives answers a second."""
    loop, began, numbers = asyncio.get_running_loop(), time.perf_counter(), itertools.count()

    async def on(connection: Connection) -> None:
        while (due := began + next(numbers) / rate if rate else time.perf_counter()) < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            ask = next(asks)
            try:
                body = await connection.send(ask.request)
            except RequestFailed as error:
                seen.errors.append(f"{ask.kind}: {str(error)[:300]}")
                continue
            now = time.perf_counter()
            seen.note(ask, body, now - began, now - due)

    opened = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    before = len(seen.at)
    await asyncio.gather(*map(on, opened))
    for connection in opened:
        connection.close()
    return (len(seen.at) - before) / (time.perf_counter() - began)


async def watch(server: Server, seen: Seen, seconds: float, swaps: int, releases: Sequence[str]) -> None:
    """Swap the release so many times, evenly spread, and read the memory meanwhile."""
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    due = [seconds * (n + 1) / (swaps + 1) for n in range(swaps)]
    while (now := time.perf_counter() - began) < seconds:
        if due and now >= due[0]:
            name = releases[(swaps - len(due) + 1) % len(releases)]
            due.pop(0)
            # One each time: the server closes connections that are idle for as long as it is between two swaps.
            _, connection = await loop.create_connection(Connection, "127.0.0.1", server.port)
            await connection.send(post(f"/releases/{name}/activate", b""))
            connection.close()
            seen.swaps.append((now, name, time.perf_counter() - began - now))
        seen.memory.append((now, server.memory_mib()["pss"]))
        await asyncio.sleep(1)
