"""Users in shards: stretches of their rows with nearly as many interactions each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.errors import TooManyShards


@dataclass(frozen=True)
class UserShards:
    """Shard s has the user rows from edges[s] up to edges[s + 1]; `held` names the shards whose interactions are here.

    `edges` are (S + 1,) int64, from 0 to the number of users. `held` is a stretch, so that held users are one, too.
    """

    edges: NDArray[np.int64]
    held: range

    @classmethod
    def cut(cls, counts: NDArray[np.int64], n_shards: int, held: range) -> "UserShards":
        """Cut users with (n_users,) numbers of interactions so that shards have nearly as many: less a user apart.

        >>> UserShards.cut(np.array([3, 1, 2, 2, 4]), 2, range(2)).edges
        array([0, 3, 5])

        Raises:
            TooManyShards: some could not have a user.
        """
        if n_shards > max(1, len(counts)):
            raise TooManyShards(n_shards, len(counts))
        before = np.concatenate([[0], np.cumsum(counts)])
        wanted = before[-1] * np.arange(n_shards + 1) / n_shards
        edges = np.searchsorted(before, wanted).astype(np.int64)
        edges[-1] = len(counts)  # people without any interaction, behind the last who has one, too
        return cls(edges, held)

    @property
    def first(self) -> int:
        """The first user row that is held."""
        return int(self.edges[self.held.start])

    @property
    def last(self) -> int:
        """The row behind the last one that is held."""
        return int(self.edges[self.held.stop])

    @property
    def rows(self) -> range:
        """The user rows that are held."""
        return range(self.first, self.last)

    def holds(self, users: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of the user rows are held."""
        found: NDArray[np.bool_] = (users >= self.first) & (users < self.last)
        return found

    def counts(self, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count in which shards the (n,) user rows lie; returns (S,)."""
        places = np.searchsorted(self.edges, users, side="right") - 1
        return np.bincount(places, minlength=len(self.edges) - 1)


def in_order(rows: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    """Sort (n, 2) user and item rows by user, then item: an order that no file and no number of processes changes."""
    return rows_of_keys(np.sort(rows[:, 0] * n_items + rows[:, 1]), n_items)


def rows_of_keys(keys: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    """Give the (n, 2) user and item rows of the numbers user * n_items + item."""
    rows = np.empty((len(keys), 2), np.int64)
    if len(keys):  # there may be no items to divide by
        np.divmod(keys, n_items, out=(rows[:, 0], rows[:, 1]))
    return rows
