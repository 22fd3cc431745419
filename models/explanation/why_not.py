"""Why an item is not in a person's top N, and the smallest change that would bring it there, tried before it is told.

Two kinds of change: the multiplier of one preference moves from where it is (steering, models/catalogue.py), or one or
two items join the history, from which the person is folded in (models/fold_in/users.py). Steering is as large as the
multiplier moves, an added item counts 1; of equals, steering comes first: it can be taken back.

Which steering to try is read off a pool of the items that stand best now; which items to add, off those nearest to the
item. Both may miss a change that exists. What is proposed was applied to the whole catalogue and the item stood in the
top N: nothing is proposed that does not work.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.catalogue import Catalogue
from models.fold_in.users import UserFolding
from models.geometry import distances

MULTIPLIERS = tuple(k / 4 for k in range(9))
"""0, 1/4, ... 2: where a multiplier may be moved to."""
POOL, TRIED, NEAREST = 256, 8, 6
"""Items that steering is read off; steerings verified at most; nearest items that are tried alone and in pairs."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Steering:
    """Set the multiplier of a preference; `size` is how far it moves."""

    preference: int
    multiplier: float
    size: float


@dataclass(frozen=True)
class Adding:
    """Fold the person in from the history and these (1 or 2) item rows."""

    items: tuple[int, ...]

    @property
    def size(self) -> float:
        """One for each item."""
        return float(len(self.items))


@dataclass(frozen=True)
class WhyNot:
    """Where an item stands among those that may be recommended, and what would change it.

    Attributes:
        rank: from 1; ties stand in the order of the vocabulary.
        score: the item's own, as steered.
        gap: the score at place N minus the item's own; at most 0 where it is among the first N.
        best_preference: the one along which the item lies nearest, were it induced alone.
        best_score: the score that it would have then.
        change: verified; None where none was found, or none is needed.
    """

    rank: int
    score: float
    gap: float
    best_preference: int
    best_score: float
    change: Steering | Adding | None


@dataclass(frozen=True)
class Person:
    """Who is asked about: a (d,) vector, (P,) multipliers, the history, and what is never recommended to them."""

    vector: Tensor
    multipliers: Tensor
    history: Rows
    excluded: Rows


@torch.no_grad()
def why_not(catalogue: Catalogue, folding: UserFolding, person: Person, item: int, n: int) -> WhyNot:
    """Explain why `item` is not among the first n, and look for the smallest change that brings it there.

    The item itself counts as one that may be recommended, even where it is excluded.

    Raises:
        IndexError: the item is outside the catalogue.
        FloatingPointError: its score is no finite number.
    """
    if not 0 <= item < len(catalogue.items):
        raise IndexError(f"item row {item} is outside a catalogue of {len(catalogue.items)}")
    scores = open_scores(catalogue, person.vector, person.multipliers, person.excluded, item)
    if not np.isfinite(scores[item]):
        raise FloatingPointError(f"the score of item row {item} is no finite number")
    rank, own = rank_of(scores, item), float(scores[item])
    place_n = np.sort(scores[np.isfinite(scores)])[::-1][:n]
    k, best = _best_preference(catalogue, person.vector, item)
    change = None if rank <= n else _smallest(catalogue, folding, person, item, n, scores)
    return WhyNot(rank, own, float(place_n[-1]) - own, k, best, change)


def rank_of(scores: NDArray[np.float64], item: int) -> int:
    """Give an item's rank among (n,) scores, from 1; ties stand in the order of rows.

    >>> rank_of(np.array([3.0, 1.0, 3.0, 2.0]), 2)
    2
    """
    own = scores[item]
    return 1 + int((scores > own).sum()) + int((scores[:item] == own).sum())


def rank_after(catalogue: Catalogue, folding: UserFolding, person: Person, item: int, change: Steering | Adding) -> int:
    """Apply a change to the whole catalogue and give the item's rank."""
    if isinstance(change, Steering):
        multipliers = person.multipliers.clone()
        multipliers[change.preference] = change.multiplier
        return rank_of(open_scores(catalogue, person.vector, multipliers, person.excluded, item), item)
    history = np.append(person.history, change.items).astype(np.int64)
    excluded = np.append(person.excluded, change.items).astype(np.int64)
    return rank_of(open_scores(catalogue, folding.fold(history), person.multipliers, excluded, item), item)


def open_scores(
    catalogue: Catalogue, vector: Tensor, multipliers: Tensor | None, excluded: Rows, item: int
) -> NDArray[np.float64]:
    """Score everything; -inf where excluded or no number, but for the item itself."""
    scores: NDArray[np.float64] = catalogue.scores(vector, multipliers).numpy()
    own = scores[item]
    scores[excluded] = -np.inf
    scores[~np.isfinite(scores)] = -np.inf
    scores[item] = own
    return scores


def _best_preference(catalogue: Catalogue, vector: Tensor, item: int) -> tuple[int, float]:
    space, one = catalogue.space, catalogue.items[item]
    alone = torch.eye(len(space.preferences), dtype=one.dtype)
    scores = -space.pair_distances(vector.expand(len(alone), -1), one.expand(len(alone), -1), alone)
    k = int(scores.argmax())
    return k, float(scores[k])


def _smallest(
    catalogue: Catalogue, folding: UserFolding, person: Person, item: int, n: int, scores: NDArray[np.float64]
) -> Steering | Adding | None:
    steerings = _promising(catalogue, person, item, n, scores)
    changes: list[Steering | Adding] = [*steerings, *_additions(catalogue, person, item)]
    for change in sorted(changes, key=_order):
        if rank_after(catalogue, folding, person, item, change) <= n:
            return change
    return None


def _order(change: Steering | Adding) -> tuple[float, bool]:
    return change.size, isinstance(change, Adding)


def _promising(catalogue: Catalogue, person: Person, item: int, n: int, scores: NDArray[np.float64]) -> list[Steering]:
    """Give the smallest steerings that bring the item in among a pool of the items that stand best now."""
    best = np.argsort(-scores, kind="stable")[:POOL]
    pool = np.unique(np.append(best[np.isfinite(scores[best])], item))
    part, place = catalogue.part(torch.from_numpy(pool)), int(np.searchsorted(pool, item))
    found = []
    for change in sorted(_steerings(person.multipliers), key=lambda change: change.size):
        multipliers = person.multipliers.clone()
        multipliers[change.preference] = change.multiplier
        if rank_of(part.scores(person.vector, multipliers).numpy(), place) <= n:
            found.append(change)
            if len(found) == TRIED:
                break
    return found


def _steerings(multipliers: Tensor) -> Iterator[Steering]:
    for k, now in enumerate(multipliers.tolist()):
        for multiplier in MULTIPLIERS:
            if multiplier != now:
                yield Steering(k, multiplier, abs(multiplier - now))


def _additions(catalogue: Catalogue, person: Person, item: int) -> list[Adding]:
    """Give the items nearest to the one that is asked about, alone and then in pairs, nearest first."""
    measured = distances(catalogue.items[item : item + 1], catalogue.items, catalogue.space.norm)[0].numpy()
    measured[np.append(person.history, [item]).astype(np.int64)] = np.inf
    nearest = np.argsort(measured, kind="stable")[:NEAREST]
    rows = [int(row) for row in nearest if np.isfinite(measured[row])]
    return [Adding((row,)) for row in rows] + [Adding(pair) for pair in combinations(rows, 2)]
