"""CPU-bound work off the event loop, on a bounded number of threads with a bounded queue."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from app.errors import Overloaded

P = ParamSpec("P")
R = TypeVar("R")


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
        if self._inside >= self._places:
            raise Overloaded
        self._inside += 1
        try:
            return await to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._limiter)
        finally:
            self._inside -= 1
