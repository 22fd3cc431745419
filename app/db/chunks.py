"""Lists of ids in pieces that every database takes as parameters."""

from collections.abc import Collection, Iterator
from itertools import islice

CHUNK = 500
"""Ids in one IN list. PostgreSQL takes 32,767 parameters a statement, older SQLite 999."""


def chunked(ids: Collection[str], size: int = CHUNK) -> Iterator[list[str]]:
    """Split ids into lists of at most `size`.

    >>> list(chunked(["a", "b", "c"], 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(ids)
    while piece := list(islice(rest, size)):
        yield piece
