"""Waiting for a database that starts, or is migrated, later than we start: with longer and longer pauses."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


async def wait_while(problem: Callable[[], Awaitable[str | None]], seconds: float) -> str | None:
    """Ask again and again what is wrong, until nothing is, or the time is over; gives what is wrong at the end.

    Pauses double from 0.2 to 5 seconds, each shortened by up to a quarter by chance: processes that wait for the same
    database do not come back at the same moment.
    """
    loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
    deadline = loop.time() + seconds
    while (found := await problem()) is not None:
        left = deadline - loop.time()
        if left <= 0:
            break
        chosen = min(left, pause * random.uniform(0.75, 1.0))
        _log.warning("waiting for the database: %s", found, extra={"pause_seconds": round(chosen, 2)})
        await asyncio.sleep(chosen)
        pause = min(2 * pause, LONGEST_PAUSE)
    return found
