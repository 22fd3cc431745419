"""Where items stand for one person: as they are, with one preference masked, and by one preference alone.

Masked means that induction may not choose it: the model is asked as if it had the other preferences only, and the whole
catalogue is ranked again by that. Alone means that it has no other. Scores that are told are those of the equation as
it stands (eqs. 8-14), ranks come from `Catalogue.scores`, ties in the order of the vocabulary.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.catalogue import Catalogue
from models.explanation.why_not import rank_of

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """A score, and the rank from 1 that goes with it among what may be recommended."""

    score: float
    rank: int


class Places:
    """The places of some items for one person: a (d,) vector, what is never in the list, and (P,) multipliers."""

    def __init__(
        self, catalogue: Catalogue, user: Tensor, rows: Sequence[int], excluded: Rows, multipliers: Tensor | None = None
    ) -> None:
        self._catalogue, self._user, self._multipliers = catalogue, user, multipliers
        self._rows, self._excluded = list(rows), excluded
        self._n_preferences = len(catalogue.space.preferences)

    def as_they_are(self) -> list[Place]:
        """Give the places that the scorer gives."""
        return self._by(range(self._n_preferences))

    def without(self, preference: int) -> list[Place]:
        """Give the places with one preference masked; a single one has nothing to fall back on, and stays."""
        kept = [k for k in range(self._n_preferences) if k != preference]
        return self._by(kept or [preference])

    def only(self, preference: int) -> list[Place]:
        """Give the places by one preference alone."""
        return self._by([preference])

    @torch.no_grad()
    def _by(self, kept: Sequence[int]) -> list[Place]:
        multipliers = None if self._multipliers is None else self._multipliers[list(kept)]
        own = restricted(self._catalogue.part(torch.tensor(self._rows, dtype=torch.int64)), kept)
        literal = own.literal_scores(self._user, torch.arange(len(self._rows)), multipliers)
        return places_of(self._scores(kept, multipliers), literal, self._rows, self._excluded)

    def _scores(self, kept: Sequence[int], multipliers: Tensor | None) -> Tensor:
        """Score everything by some preferences; where most are kept, the others are masked, which copies no table."""
        if 2 * len(kept) <= self._n_preferences:
            return restricted(self._catalogue, kept).scores(self._user, multipliers)
        masked = torch.zeros(self._n_preferences, dtype=self._user.dtype)
        # All 0 stands for all 1 (models/catalogue.py): of those that are kept, that is.
        masked[list(kept)] = 1.0 if multipliers is None or not bool(multipliers.any()) else multipliers
        return self._catalogue.scores(self._user, None if bool((masked == 1.0).all()) else masked)


def places_of(scores: Tensor, literal: Tensor, rows: Sequence[int], excluded: Rows) -> list[Place]:
    """Give the places of (m,) rows by (n,) scores of everything, which are changed, and told (m,) `literal` ones.

    Each row counts as one that may be recommended, even where it is excluded.
    """
    ranked = scores.numpy()
    own = ranked[list(rows)]
    ranked[excluded] = -np.inf
    ranked[~np.isfinite(ranked)] = -np.inf
    found = []
    for row, value, score in zip(rows, own, literal.tolist(), strict=True):
        closed, ranked[row] = ranked[row], value
        found.append(Place(score, rank_of(ranked, row)))
        ranked[row] = closed
    return found


def restricted(catalogue: Catalogue, kept: Collection[int]) -> Catalogue:
    """Give the catalogue of a model that has some of the preferences only, in the order given."""
    size = len(catalogue.space.preferences)
    if list(kept) == list(range(size)):
        return catalogue
    at = torch.tensor(list(kept), dtype=torch.int64)
    p, w = catalogue.space.preferences[at], catalogue.space.normals[at]
    grams = catalogue.grams[at].view(len(at), 3, size)[:, :, at].reshape(len(at), -1)
    logits, normals = catalogue.logits[:, at], catalogue.normals[:, at]
    space = replace(catalogue.space, preferences=p, normals=w)
    return Catalogue(space, catalogue.items, logits, normals, catalogue.squares, grams)


@torch.no_grad()
def rebuilt_score(catalogue: Catalogue, user: Tensor, row: int, weights: Tensor) -> float:
    """Rebuild a score from (P,) weights as they are told, by eqs. (11-13)."""
    one = catalogue.items[row : row + 1]
    return float(-catalogue.space.pair_distances(user.unsqueeze(0), one, weights.unsqueeze(0)))


@torch.no_grad()
def margin(catalogue: Catalogue, user: Tensor, row: int, multipliers: Tensor | None = None) -> float | None:
    """Tell by how much the induced preference beats the second, in phi / tau + log m; None in soft induction.

    None also where there is no second: one preference, or all others are masked.
    """
    space = catalogue.space
    if space.strategy == "soft" or len(space.preferences) < 2:
        return None
    phi = catalogue.logits[row] + space.preferences @ user
    odds = phi / space.temperature
    if multipliers is not None and bool((multipliers > 0).any()):
        odds = odds + multipliers.log()
    first, second = odds.topk(2).values.tolist()
    return first - second if np.isfinite(second) else None
