"""Functions that make calls, as methods that send them: at once on a `Sender`, awaited on an `AsyncSender`.

One class of such methods serves both clients, with the types of both: no call is written down twice.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from app.client.call import Call

P = ParamSpec("P")
Answer = TypeVar("Answer")
Entry = TypeVar("Entry")


class HasCursor(Protocol):
    """A page: it says where the next one begins."""

    @property
    def next_cursor(self) -> str | None:
        """For the next page; None if there is none."""
        ...


Page = TypeVar("Page", bound=HasCursor)


class Sender(ABC):
    """Sends calls, and waits for their answers."""

    @abstractmethod
    def send(self, call: Call[Answer]) -> Answer:
        """Send a call and give its answer."""

    @abstractmethod
    def entries(self, call: Call[Page], of: Callable[[Page], Sequence[Entry]]) -> Iterator[Entry]:
        """Give the entries of all pages, one page at a time."""

    @abstractmethod
    def lines(self, call: Call[str]) -> Iterator[str]:
        """Give the lines of an answer as they come."""


class AsyncSender(ABC):
    """Sends calls; their answers are awaited."""

    @abstractmethod
    async def send(self, call: Call[Answer]) -> Answer:
        """Send a call and give its answer."""

    @abstractmethod
    def entries(self, call: Call[Page], of: Callable[[Page], Sequence[Entry]]) -> AsyncIterator[Entry]:
        """Give the entries of all pages, one page at a time."""

    @abstractmethod
    def lines(self, call: Call[str]) -> AsyncIterator[str]:
        """Give the lines of an answer as they come."""


class Method(Generic[P, Answer]):
    """A method that sends one call."""

    def __init__(self, make: Callable[P, Call[Answer]]) -> None:
        self.make = make

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, Answer]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, Awaitable[Answer]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Give the method of a client."""
        if client is None:
            return self
        return _method(self.make, client.send)


class Paged(Generic[P, Page, Entry]):
    """A method that goes through all pages, and gives their entries."""

    def __init__(self, make: Callable[P, Call[Page]], of: Callable[[Page], Sequence[Entry]]) -> None:
        self.make = make
        self.of = of

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, Iterator[Entry]]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, AsyncIterator[Entry]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Give the method of a client."""
        if client is None:
            return self
        return _method(self.make, lambda call: client.entries(call, self.of))


class Lines(Generic[P]):
    """A method that gives the lines of a text as they come, however long it is."""

    def __init__(self, make: Callable[P, Call[str]]) -> None:
        self.make = make

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, Iterator[str]]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, AsyncIterator[str]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Give the method of a client."""
        if client is None:
            return self
        return _method(self.make, client.lines)


def _method(make: Callable[..., Call[Any]], send: Callable[[Call[Any]], Any]) -> Callable[..., Any]:
    @wraps(make)
    def method(*args: Any, **kwargs: Any) -> Any:
        return send(make(*args, **kwargs))

    return method
