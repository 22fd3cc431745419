"""When a call is sent again, and after how long."""

import random
from dataclasses import dataclass
from typing import Any

import httpx

from app.client.call import Call
from app.client.errors import ApiError, ClientError, Unreachable, api_error

_PASSING = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a repeatable call is sent again: after 429, 503, and where no answer came.

    The wait is what the server asks for, or else doubles each time, from `first_wait` seconds on, less a random part so
    that clients do not come back all at once. A wait longer than `longest_wait` is not waited for: the error is raised.
    """

    most: int = 3
    first_wait: float = 0.2
    longest_wait: float = 30.0

    def wait(self, call: Call[Any], attempt: int, error: ClientError) -> float:
        """Say how many seconds to wait after a failed attempt, counted from 0.

        Raises:
            ClientError: `error` itself, where the call is not sent again.
        """
        if attempt >= self.most or not call.repeatable or not _is_passing(error):
            raise error
        asked = error.retry_after if isinstance(error, ApiError) else None
        seconds = self.first_wait * 2**attempt * random.uniform(0.5, 1) if asked is None else asked
        if seconds > self.longest_wait:
            raise error
        return seconds


NEVER = Retries(most=0)


def _is_passing(error: ClientError) -> bool:
    return isinstance(error, Unreachable) or (isinstance(error, ApiError) and error.status in _PASSING)


def unreachable(call: Call[Any], error: httpx.TransportError) -> Unreachable:
    """Tell a failure below HTTP."""
    return Unreachable(f"{call.method} {call.path}: {error or type(error).__name__}")


def refusal(response: httpx.Response) -> ApiError | None:
    """Give what an answer refuses, or None if it is a success."""
    return None if response.is_success else api_error(response)
