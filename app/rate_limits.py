"""Calls counted by key: in Redis where there is one, so that all processes count together; else in this process.

Redis away or slow costs at most its bound, once in a while: until it is back, each process counts by itself.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import lru_cache

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError

_log = logging.getLogger(__name__)
_parse: Callable[[str], RateLimitItem] = lru_cache(256)(parse)


class SlidingLimits:
    """Implements `app.access.RateLimits`, by sliding windows: no burst of twice the rate where two windows meet."""

    def __init__(self, redis_url: str | None, timeout_seconds: float = 0.2, retry_seconds: float = 3.0) -> None:
        self._timeout = timeout_seconds
        self._pause = retry_seconds
        self._ask_again = 0.0
        self._near = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: SlidingWindowCounterRateLimiter | None = None
        if redis_url is not None:
            storage = RedisStorage(
                f"async+{redis_url}",
                implementation="redispy",
                key_prefix="ktup-rate",
                socket_timeout=timeout_seconds,
                socket_connect_timeout=timeout_seconds,
            )
            self._shared = SlidingWindowCounterRateLimiter(storage)

    async def wait(self, rate: str, caller: str) -> int:
        """Count one call; gives 0 if it is within the rate, else the seconds until one will be."""
        item = _parse(rate)
        if self._shared is not None and time.monotonic() >= self._ask_again:
            try:
                async with asyncio.timeout(self._timeout):
                    return await _count(self._shared, item, caller)
            except (RedisError, OSError, TimeoutError) as error:
                self._ask_again = time.monotonic() + self._pause
                _log.warning("calls are counted without Redis", extra={"error": type(error).__name__})
        return await _count(self._near, item, caller)


async def _count(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, caller: str) -> int:
    if await limiter.hit(item, caller):
        return 0
    stats = await limiter.get_window_stats(item, caller)
    return max(1, math.ceil(stats.reset_time - time.time()))
