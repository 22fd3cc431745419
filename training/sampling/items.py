"""Negative items: uniform, never one of the user's known positives, in bounded time.

Under the strict protocol the known positives are those of training alone. Under the paper protocol they hold
validation and test too, as in the paper's own code: knowledge of the test set leaks into training.
"""

from typing import Protocol

import torch
from torch import Generator, Tensor

from training.sampling.membership import KnownSet

TRIES = 20
"""Redraws of a colliding negative; a user with a share q of all items keeps a collision with probability q ** 20."""


class Known(Protocol):
    """Says which pairs are known."""

    def contains(self, users: Tensor, items: Tensor, /) -> Tensor:
        """Tell for (B,) users and items whether the pair is known; returns (B,) bool."""
        ...


def shared_negatives(n_items: int, count: int, generator: Generator, device: torch.device) -> Tensor:
    """Draw (count,) items with replacement, to be compared with every row of a batch."""
    return torch.randint(n_items, (count,), generator=generator, device=device)


def collisions(known: KnownSet, users: Tensor, items: Tensor) -> Tensor:
    """Tell which of the (K,) items are known positives of each of the (B,) users; returns (B, K) bool."""
    return known.contains(users.unsqueeze(1), items.unsqueeze(0))


def own_negatives(known: Known, users: Tensor, n_items: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw one negative for each of the (B,) users.

    Returns:
        (B,) items and (B,) bool: whether the row is usable. A row that still collides after TRIES draws is not:
        its user has (nearly) every item, and there is nothing to compare with.
    """
    items = torch.randint(n_items, users.shape, generator=generator, device=users.device)
    bad = known.contains(users, items)
    for _ in range(TRIES):
        again = bad.nonzero().squeeze(1)
        if not len(again):
            break
        items[again] = torch.randint(n_items, again.shape, generator=generator, device=users.device)
        bad[again] = known.contains(users[again], items[again])
    return items, ~bad
