"""A TCP proxy whose network can be broken: it passes bytes on, swallows them, delays them, or refuses to connect."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

Mode = Literal["pass", "swallow", "delay", "refuse"]


class Proxy:
    """Runs in a thread of its own; `mode` may be changed at any moment, and holds for open connections, too."""

    def __init__(self, target: int | str) -> None:
        self.mode: Mode = "pass"
        self.delay_seconds = 0.0
        self.port = 0
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._run(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Close every open connection, as a server that dies does."""
        self._run(self._close_all())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _close_all(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _cancel_all(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "refuse":
            writer.close()
            return
        if isinstance(self._target, int):
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
        else:
            to_reader, to_writer = await asyncio.open_unix_connection(self._target)
        self._writers |= {writer, to_writer}
        try:
            await asyncio.gather(self._pump(reader, to_writer), self._pump(to_reader, writer))
        finally:
            self._writers -= {writer, to_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self.mode == "swallow":
                    continue
                if self.mode == "delay":
                    await asyncio.sleep(self.delay_seconds)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def proxied(target: int | str) -> Iterator[Proxy]:
    """Run a proxy in front of a port of this machine, or of a socket by its path."""
    proxy = Proxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
