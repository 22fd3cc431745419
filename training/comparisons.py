"""Batches with what they are compared with: rows by the vocabulary that they are of, negatives drawn already.

    Pairs, SharedPairs     users and items, each pair with a negative of its own, or all with the same ones
    Facts, SharedFacts     triples, likewise
    Listed                 users, whose every item is compared with all others
    Rejections             facts that people called false, each with a true one; a part of Facts and SharedFacts

`over(place)` gives the same batch with each tensor of rows put through `place(vocabulary, rows)`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import Tensor

Place = Callable[[str, Tensor], Tensor]
Batches = tuple[Any, Any]
"""What a step takes of interactions, and of triples: a `Comparison` each, or None."""
USERS, ITEMS, ENTITIES = "users", "items", "entities"


class Comparison(Protocol):
    """A batch of either task."""

    def over(self, place: Place) -> Self:
        """Give the same batch with its rows of users, items and entities replaced."""
        ...


@dataclass(frozen=True)
class Pairs:
    """(B,) users, their items, one negative each, and whether it may be compared."""

    users: Tensor
    positives: Tensor
    negatives: Tensor
    usable: Tensor

    def over(self, place: Place) -> Self:
        """Give the same batch with its rows replaced."""
        positives, negatives = place(ITEMS, self.positives), place(ITEMS, self.negatives)
        return type(self)(place(USERS, self.users), positives, negatives, self.usable)

    def split(self, size: int) -> Iterator[Self]:
        """Cut into batches of `size` rows, the last one perhaps smaller."""
        columns = (self.users, self.positives, self.negatives, self.usable)
        return (type(self)(*parts) for parts in zip(*(torch.split(c, size) for c in columns), strict=True))


@dataclass(frozen=True)
class SharedPairs:
    """(B,) users and their items, (K,) negatives of all, and `excluded`: those that are none for a user.

    `excluded` is (b, K): of the rows alone that this process takes (training/shares.py); of all where it is alone.
    """

    users: Tensor
    positives: Tensor
    negatives: Tensor
    excluded: Tensor

    def over(self, place: Place) -> Self:
        """Give the same batch with its rows replaced."""
        positives, negatives = place(ITEMS, self.positives), place(ITEMS, self.negatives)
        return type(self)(place(USERS, self.users), positives, negatives, self.excluded)


@dataclass(frozen=True)
class Listed:
    """(B,) users: their items are compared with all others, so all `n_items` are touched, and keep their rows."""

    users: Tensor
    n_items: int

    def over(self, place: Place) -> Self:
        """Give the same batch with its users replaced; items are all there, and so each is where it was."""
        place(ITEMS, torch.arange(self.n_items, device=self.users.device))
        return type(self)(place(USERS, self.users), self.n_items)


@dataclass(frozen=True)
class Rejections:
    """(R, 3) head, relation, tail rows that are false, and (R, 3) true ones of the same relations."""

    false: Tensor
    true: Tensor

    def over(self, place: Place) -> Self:
        """Give the same facts with their entities replaced; relations stay."""
        return type(self)(_over_ends(self.false, place), _over_ends(self.true, place))


@dataclass(frozen=True)
class Facts:
    """(B, 3) head, relation, tail rows, (B, 3) corrupted ones, and (B,) whether they may be compared."""

    triples: Tensor
    corrupted: Tensor
    usable: Tensor
    rejections: Rejections | None = None

    def over(self, place: Place) -> Self:
        """Give the same batch with its entities replaced; relations stay."""
        triples, corrupted = _over_ends(self.triples, place), _over_ends(self.corrupted, place)
        return type(self)(triples, corrupted, self.usable, self.rejections and self.rejections.over(place))

    def split(self, size: int) -> Iterator[Self]:
        """Cut into batches of `size` rows, the last one perhaps smaller; each has all rejections."""
        columns = (torch.split(rows, size) for rows in (self.triples, self.corrupted, self.usable))
        return (
            type(self)(triples, corrupted, usable, self.rejections)
            for triples, corrupted, usable in zip(*columns, strict=True)
        )


@dataclass(frozen=True)
class SharedFacts:
    """(B, 3) triples, (K,) entities of all, and (b, K) which of those are known as tails, and as heads.

    b are the rows alone that this process takes (training/shares.py); all B where it is alone.
    """

    triples: Tensor
    entities: Tensor
    as_tails: Tensor
    as_heads: Tensor
    rejections: Rejections | None = None

    def over(self, place: Place) -> Self:
        """Give the same batch with its entities replaced; relations stay."""
        triples, entities = _over_ends(self.triples, place), place(ENTITIES, self.entities)
        rejections = self.rejections and self.rejections.over(place)
        return type(self)(triples, entities, self.as_tails, self.as_heads, rejections)


def _over_ends(triples: Tensor, place: Place) -> Tensor:
    """Replace heads and tails of (B, 3) rows."""
    placed = triples.clone()
    placed[:, ::2] = place(ENTITIES, placed[:, ::2])
    return placed
