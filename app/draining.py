"""The end of a server process in order: first it is ready no more, then it takes no more requests, then it ends.

uvicorn closes its port at once on SIGTERM. Whoever deals requests to several servers hears of that from the failure of
the next one; so `drain_seconds` lie between being told and closing.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def draining(end: Callable[[], None], seconds: float) -> Iterator[None]:
    """On SIGTERM, call `end` at once, and the handler that was there so many seconds later.

    Where nobody but Python itself handles SIGTERM, or in another thread than the main one, nothing is changed.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def told(number: int, frame: FrameType | None) -> None:
        end()
        # A second signal means now.
        signal.signal(signal.SIGTERM, handler)
        if seconds:
            loop.call_soon_threadsafe(loop.call_later, seconds, handler, number, frame)
        else:
            handler(number, frame)

    signal.signal(signal.SIGTERM, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
