"""A person as they would be had they not met some of their items: folded in anew from what is left.

A trained vector does not tell what it would have been without an item; two fold-ins, with and without it, tell by how
much (models/fold_in/users.py). So the person's own vector, by which they are served, is the reference, and it is moved
by the difference of the two. Where the whole history is the only thing known of them, its fold-in is their vector.

Every vector is solved for truly, never extrapolated; those already solved for are kept, as the items of one list are
asked about the same histories. What is left out of the history still stands outside of the list: an item must be
pushed out by others, not by the very item that was taken away.
"""

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.catalogue import Catalogue
from models.explanation.why_not import open_scores, rank_of
from models.fold_in.slope import scores_and_pull
from models.fold_in.users import UserFolding, in_ball

Rows = NDArray[np.int64]
Removed = frozenset[int]
NOTHING: Removed = frozenset()
STEP = 1e-3
"""How far a person is moved to read a slope off two scores, in float64."""


class OutOfSolves(Exception):
    """As many fold-ins were made as were allowed."""


class LeavingOut:
    """One person's fold-ins by what is left out. Not thread-safe: it remembers what it has solved for."""

    def __init__(
        self,
        catalogue: Catalogue,
        folding: UserFolding,
        history: Rows,
        excluded: Rows,
        multipliers: Tensor | None = None,
        own: Tensor | None = None,
    ) -> None:
        """Take the (m,) item rows of a history, repeats once, and what is never in the list.

        `own` is the (d,) vector by which the person is served; None stands for the fold-in of the history.

        Raises:
            ValueError: the history is empty.
        """
        self.history = np.unique(history)
        if not len(self.history):
            raise ValueError("nobody can be folded in from an empty history")
        self.catalogue, self.solves, self.allowed = catalogue, 0, 10**9
        self._folding, self._excluded, self._multipliers = folding, excluded, multipliers
        self._folded: dict[Removed, Tensor] = {}
        self._own = own
        self._liked = catalogue.part(torch.from_numpy(self.history))

    def vector(self, removed: Removed = NOTHING) -> Tensor:
        """Give the (d,) vector of the person without some of their history.

        Raises:
            ValueError: nothing is left.
            OutOfSolves: it is not known yet, and `allowed` fold-ins were made.
        """
        if self._own is None:
            return self._fold(removed)
        return self._own if not removed else in_ball(self._own + self._fold(removed) - self._fold(NOTHING))

    def _fold(self, removed: Removed) -> Tensor:
        if removed not in self._folded:
            if self.solves >= self.allowed:
                raise OutOfSolves
            left = self.history[~np.isin(self.history, list(removed))]
            self._folded[removed] = self._folding.fold(left)
            self.solves += 1
        return self._folded[removed]

    @torch.no_grad()
    def score(self, item: int, removed: Removed = NOTHING) -> float:
        """Score one item by the equation as it stands."""
        rows = torch.tensor([item], dtype=torch.int64)
        return float(self.catalogue.literal_scores(self.vector(removed), rows, self._multipliers))

    @torch.no_grad()
    def open_scores(self, item: int, removed: Removed = NOTHING) -> NDArray[np.float64]:
        """Score everything; -inf where excluded or no number, but for the item itself."""
        return open_scores(self.catalogue, self.vector(removed), self._multipliers, self._excluded, item)

    def rank(self, item: int, removed: Removed = NOTHING) -> int:
        """Give an item's rank in the whole catalogue, from 1; ties stand in the order of the vocabulary."""
        return rank_of(self.open_scores(item, removed), item)

    @torch.no_grad()
    def pulls(self, item: int, rivals: Rows | None = None) -> NDArray[np.float64]:
        """Estimate for each of the (m,) history items how much it holds an item up against its rivals; no solve.

        With v the slope of y_item - mean y_rivals in the person, along the sphere on which people lie, it is dy_h/dv:
        liking h moves the person so that y_h grows. An order in which to try, not a figure to tell.
        """
        user = self.vector()
        rows = [item] if rivals is None else [item, *rivals.tolist()]
        upstream = torch.full((len(rows),), -1.0 / max(1, len(rows) - 1), dtype=user.dtype)
        upstream[0] = 1.0
        _, pull = scores_and_pull(self.catalogue.part(torch.tensor(rows)), user)
        v = pull(upstream)
        v = v - (v @ user) / user.square().sum().clamp_min(1e-12) * user
        v = STEP * v / v.norm().clamp_min(1e-12)
        slopes: NDArray[np.float64] = (self._liked.scores(user + v) - self._liked.scores(user - v)).numpy()
        return slopes / (2.0 * STEP)


def score_drops(leaving: LeavingOut, item: int, rows: Collection[int], limit: int) -> dict[int, float]:
    """Tell by how much an item's score falls when each of at most `limit` history items is left out; truly solved for.

    Where there are more, those that are estimated to hold the item up most are tried. One that is no part of the
    history, or all of it, is left out of the answer.
    """
    pulls = dict(zip(leaving.history.tolist(), leaving.pulls(item).tolist(), strict=True))
    known = [row for row in dict.fromkeys(rows) if row in pulls] if len(pulls) > 1 else []
    tried = sorted(known, key=lambda row: (-pulls[row], row))[:limit]
    whole = leaving.score(item)
    return {row: whole - leaving.score(item, frozenset({row})) for row in tried}
