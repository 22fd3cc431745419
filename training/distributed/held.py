"""Interactions whose users lie on several processes: what all have to know of them, and questions that owners answer.

A question is asked by all processes at once, with the same rows. Each answers for the users that it holds and leaves
zeros for the others, and the sum is the whole answer; so what is drawn and scored is what one process draws and scores.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.retrieval.ranking import RowLists
from training.config import ConfigError
from training.data.indexed import IndexedDataset
from training.data.shards.users import UserShards
from training.distributed.processes import Processes
from training.sampling.membership import KnownSet

Pairs = NDArray[np.int64]


def held_range(n_shards: int, processes: Processes) -> range:
    """Tell which shards a process holds: a stretch of them, as many as the others.

    Raises:
        ConfigError: the shards do not go evenly on the processes.
    """
    size = processes.size
    if n_shards % size:
        raise ConfigError(f"data_shards: {n_shards} do not go evenly on {size} processes; give a multiple of {size}")
    each = n_shards // size
    return range(processes.rank * each, (processes.rank + 1) * each)


def part_of(dataset: IndexedDataset, n_shards: int, processes: Processes) -> IndexedDataset:
    """Give the data set that a process trains on: with one shard whole, else with the interactions of its own alone.

    Raises:
        ConfigError: the shards do not go evenly on the processes, or the data set was read for others.
    """
    if n_shards == 1 and dataset.shards is None:
        return dataset
    held = held_range(n_shards, processes)
    if dataset.shards is None:
        return dataset.of_shards(n_shards, held)
    if (len(dataset.shards.edges) - 1, dataset.shards.held) != (n_shards, held):
        raise ConfigError(f"data_shards: the data set was read for other shards than {held} of {n_shards}")
    return dataset.sorted_by_user()


class HeldShards:
    """What a process holds of the interactions, and what all know of those of all. `sent` counts its bytes.

    Attributes:
        rows: (S,) int64, training rows of each shard.
        learners: (S,) int64, users who have any.
        popularity: (n_items,) int64, training rows of each item.
        validated: validation rows of all users.
    """

    def __init__(self, users: UserShards, dataset: IndexedDataset, processes: Processes) -> None:
        """Every process has to make one, with its own part of the same data set."""
        self.users, self.apart, self.sent, self._processes = users, processes.size > 1, 0, processes
        train = dataset.interactions["train"]
        self.rows = self._sum(users.counts(train[:, 0]))
        self.learners = self._sum(users.counts(np.unique(train[:, 0])))
        self.popularity = self._sum(np.bincount(train[:, 1], minlength=len(dataset.items)))
        self.validated = int(self._sum(np.array([len(dataset.interactions["valid"])]))[0])
        self.sent = 0  # of steps, which begin now

    def total(self, tensor: Tensor) -> Tensor:
        """Add a tensor up over all processes."""
        self.sent += tensor.numel() * tensor.element_size() if self.apart else 0
        return self._processes.total(tensor)

    def known(self, pairs: Pairs, n_items: int, device: torch.device) -> "KnownOfAll":
        """Give the set of (n, 2) pairs of held users, which answers for all."""
        size = self.users.last - self.users.first
        return KnownOfAll(self.users, KnownSet(self._own(pairs), (size, n_items), device), self.total)

    def lists(self, pairs: Pairs) -> "ListsOfAll":
        """Give the lists of (n, 2) pairs of held users, which answer for all."""
        return ListsOfAll(
            self.users, RowLists.of_pairs(self._own(pairs), self.users.last - self.users.first), self.total
        )

    def _own(self, pairs: Pairs) -> Pairs:
        own: Pairs = pairs - np.array([self.users.first, 0])
        return own

    def _sum(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        summed: NDArray[np.int64] = self.total(torch.from_numpy(counts)).numpy()
        return summed


@dataclass(frozen=True)
class KnownOfAll:
    """Which pairs are known: each process looks for those of its users, from `users.first` on."""

    users: UserShards
    own: KnownSet
    total: Callable[[Tensor], Tensor]

    def contains(self, users: Tensor, items: Tensor) -> Tensor:
        """Tell for (B,) pairs whether they are known; returns (B,) bool."""
        mine = _places(self.users, users)
        found = torch.zeros(len(users), dtype=torch.uint8, device=users.device)
        found[mine] = self.own.contains(users[mine] - self.users.first, items[mine]).to(torch.uint8)
        return self.total(found).bool()

    def grid(self, users: Tensor, items: Tensor) -> Tensor:
        """Tell which of the (K,) items are known of each of the (B,) users; returns (B, K) bool. Sent as bits."""
        mine, width = _places(self.users, users), len(items)
        found = self.own.contains((users[mine] - self.users.first).unsqueeze(1), items.unsqueeze(0))
        bits = 1 << torch.arange(8, dtype=torch.uint8, device=users.device)
        eights = functional.pad(found, (0, -width % 8)).view(len(mine), -(-width // 8), 8)
        packed = torch.zeros(len(users), eights.shape[1], dtype=torch.uint8, device=users.device)
        packed[mine] = (eights * bits).sum(-1, dtype=torch.uint8)
        return (self.total(packed).unsqueeze(-1) & bits).bool().flatten(1)[:, :width]


@dataclass(frozen=True)
class ListsOfAll:
    """Lists of items of users: each process has those of its own, from `users.first` on."""

    users: UserShards
    own: RowLists
    total: Callable[[Tensor], Tensor]

    def pairs_of(self, users: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give (position in `users`, item) of every item of those users, as `RowLists.pairs_of`."""
        mine = np.flatnonzero(self.users.holds(users))
        positions, items = self.own.pairs_of(users[mine] - self.users.first)
        counts = self.total(torch.from_numpy(np.bincount(mine[positions], minlength=len(users)))).numpy()
        every = np.repeat(np.arange(len(users)), counts)
        found = np.zeros(len(every), np.int64)
        found[self.users.holds(users)[every]] = items
        return every, self.total(torch.from_numpy(found)).numpy()


def _places(shards: UserShards, users: Tensor) -> Tensor:
    return ((users >= shards.first) & (users < shards.last)).nonzero().squeeze(1)
