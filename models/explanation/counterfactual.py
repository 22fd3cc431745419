"""Which of their own actions a person would have to take back for an item to leave their list: as few as can be found.

A set S of history items is told if the item is among the person's first N, is not among the first N of the person
without S (models/explanation/leaving_out.py), and is again as soon as any one item of S is put back. All of it is
solved for and ranked in the whole catalogue: nothing is told on the strength of an estimate.

    1. order the history by how much each item is estimated to hold this one up against those at the end of the list;
    2. take away the first 1, 2, 4, ... of that order until the item is out, and the fewest of it by bisection;
    3. put back one item at a time, those that hold it up least first, wherever the item stays out without the rest;
       repeat until none can be put back.

That makes the set minimal: no item of it can be spared. A smaller set of other items may exist. At most SOLVES fold-ins
are made for a pair; where they do not suffice, or LARGEST items do not, nothing is told, and why is said.

An item that is not among the first N of the person as they are cannot be pushed out: `not_in_reference`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.explanation.leaving_out import LeavingOut, OutOfSolves, Removed, Rows
from models.explanation.why_not import rank_of

SOLVES, LARGEST, RIVALS = 48, 32, 8
"""Fold-ins for a pair; items in a set; items around place N that are the rivals."""

Reason = Literal["not_in_reference", "too_few_actions", "none_found", "too_many_solves"]


@dataclass(frozen=True)
class Counterfactual:
    """What would push an item out of the first N.

    Attributes:
        remove: rows of the history, those that hold the item up most first; empty where nothing was found.
        reference_rank: the item's rank with the whole history.
        rank: its rank without `remove`; the reference's where nothing was found.
        solves: fold-ins made for it that were not known before.
        reason: why nothing was found; None where something was.
    """

    remove: tuple[int, ...]
    reference_rank: int
    rank: int
    solves: int
    reason: Reason | None = None

    @property
    def found(self) -> bool:
        """Whether there is a set; it is verified and minimal then."""
        return bool(self.remove)


def counterfactual(leaving: LeavingOut, item: int, n: int, solves: int = SOLVES) -> Counterfactual:
    """Find a minimal set of the person's own actions without which the item leaves the first n.

    Raises:
        IndexError: the item is outside the catalogue.
        ValueError: n is below 1.
    """
    if not 0 <= item < len(leaving.catalogue.items):
        raise IndexError(f"item row {item} is outside a catalogue of {len(leaving.catalogue.items)}")
    if n < 1:
        raise ValueError(f"n is {n}: a list has at least one place")
    before = leaving.solves
    scores = leaving.open_scores(item)
    reference = rank_of(scores, item)

    def nothing(reason: Reason) -> Counterfactual:
        return Counterfactual((), reference, reference, leaving.solves - before, reason)

    if reference > n:
        return nothing("not_in_reference")
    if len(leaving.history) < 2:
        return nothing("too_few_actions")
    search = _Search(leaving, item, n, _order(leaving, item, n, scores))
    leaving.allowed = before + solves
    try:
        found = search.minimal()
    except OutOfSolves:
        return nothing("too_many_solves")
    finally:
        leaving.allowed = 10**9
    if found is None:
        return nothing("none_found")
    return Counterfactual(tuple(found), reference, search.rank(found), leaving.solves - before)


def is_out(leaving: LeavingOut, item: int, n: int, removed: Removed) -> bool:
    """Whether an item stands behind the first n without some of the history: the property that is told, by itself."""
    return leaving.rank(item, removed) > n


def _order(leaving: LeavingOut, item: int, n: int, scores: NDArray[np.float64]) -> list[int]:
    """Give the history by estimated hold on the item, most first."""
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order]) & (order != item)]
    around: Rows = order[max(0, n - RIVALS // 2) : n + RIVALS // 2]
    pulls = leaving.pulls(item, around if len(around) else None)
    return [int(row) for row in leaving.history[np.argsort(-pulls, kind="stable")]]


class _Search:
    """The search for one pair; ranks that were asked for are remembered."""

    def __init__(self, leaving: LeavingOut, item: int, n: int, order: list[int]) -> None:
        self._leaving, self._item, self._n, self._order = leaving, item, n, order
        self._ranks: dict[Removed, int] = {}

    def rank(self, removed: list[int]) -> int:
        """Give the item's rank without some of the history."""
        key = frozenset(removed)
        if key not in self._ranks:
            self._ranks[key] = self._leaving.rank(self._item, key)
        return self._ranks[key]

    def minimal(self) -> list[int] | None:
        """Give a minimal set; None where no prefix of the order pushes the item out."""
        found = self._prefix()
        while found is not None:
            shorter = self._pruned(found)
            if len(shorter) == len(found):
                break
            found = shorter
        return found

    def _out(self, removed: list[int]) -> bool:
        return self.rank(removed) > self._n

    def _prefix(self) -> list[int] | None:
        most = min(len(self._order) - 1, LARGEST)
        low, high = 0, 1
        while not self._out(self._order[:high]):
            if high == most:
                return None
            low, high = high, min(2 * high, most)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._out(self._order[:middle]) else (middle, high)
        return self._order[:high]

    def _pruned(self, found: list[int]) -> list[int]:
        """Go through a set once, and spare what can be spared; the empty set is never tried."""
        kept = found
        for row in reversed(found):
            without = [other for other in kept if other != row]
            if without and self._out(without):
                kept = without
        return kept
