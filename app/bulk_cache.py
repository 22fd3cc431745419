"""Many values at once into Redis, as `RedisCache` would have stored each: for lists that were made ahead."""

from collections.abc import Sequence
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from app.cache import seal

_TIMEOUT_SECONDS = 10.0
Entry = tuple[str, bytes, int]
"""Key, value, time to live in seconds."""


class BulkFailed(Exception):
    """Redis is away, or takes no more; the message says which."""


class BulkCache:
    """Writes by pipelines. Unlike where answers are waited for, an outage is an error here."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )

    async def store(self, entries: Sequence[Entry]) -> int:
        """Store values whose keys are not there yet, in one round trip; gives how many.

        Raises:
            BulkFailed: Redis is away, or refuses one; what came before it may be stored.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for key, value, ttl_seconds in entries:
            pipeline.set(key, seal(key, value), ex=ttl_seconds, nx=True)
        try:
            return sum(bool(stored) for stored in await pipeline.execute())
        except ResponseError as error:
            raise BulkFailed(f"Redis refused a value: {str(error)[:200]}") from error
        except (RedisError, OSError) as error:
            raise BulkFailed("Redis cannot be reached") from error

    async def close(self) -> None:
        """Close every connection."""
        with suppress(RedisError, OSError):
            await self._redis.aclose()
