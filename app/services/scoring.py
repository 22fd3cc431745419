"""CPU-bound work off the event loop, on a bounded number of threads with a bounded queue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from app.errors import Overloaded

P = ParamSpec("P")
R = TypeVar("R")
_END: Any = object()


class ScoringPool:
    """Runs scoring in threads, at most `threads` at once; torch and numpy release the interpreter meanwhile."""

    def __init__(self, threads: int, queue: int) -> None:
        self._limiter = CapacityLimiter(threads)
        self._places = threads + queue
        self._inside = 0

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a synchronous function in a thread.

        Raises:
            Overloaded: every thread is busy and the queue is full. Waiting longer would only help to time out.
        """
        with self._place():
            return await self._turn(lambda: function(*args, **kwargs))

    async def run_by_turns(self, values: Iterator[R]) -> list[R]:
        """Run an iterator in threads, which come first, served first: between two values others get their turn.

        It keeps its place until the end: what has begun is not refused in the middle.

        Raises:
            Overloaded: as `run`.
        """
        found: list[R] = []
        with self._place():
            while (value := await self._turn(lambda: next(values, _END))) is not _END:
                found.append(value)
        return found

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._inside >= self._places:
            raise Overloaded
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def _turn(self, function: Callable[[], R]) -> R:
        return await to_thread.run_sync(function, limiter=self._limiter)
