"""A vector for a person from what they like alone, with the item side fixed: new users and anonymous sessions.

    L(u) = mean_{i in H} softplus(o(u) - s y_i(u)),   o(u) = log sum_{j not in H} exp(s y_j(u)),   |u| <= 1

is what the listwise objective asks of a user with history H (training/objectives.py), y = -g being the model's own
score. A trained user has length 1 nearly always, so the walk is short: from u_0, the mean of H brought to length 1,

    v = u - step * dL / |dL|,   u' = v / max(1, |v|)

taken where L falls, and the step halved where it does not. In catalogues of more than `negatives` items the sum of o is
estimated from that many, drawn once by a fixed seed, as in training. No chance is left: one history, one vector.

Somebody with a trained vector u_T, and with items N that came after it, goes a part of the way to the vector u_F that
the whole history H, N with it, would give:

    u = (1 - b) u_T + b u_F,   b = min(1, pace |N| / |H|)

With nothing new that is u_T itself; the newer a history is, the less is left of what training knew.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.catalogue import Catalogue
from models.fold_in.slope import scores_and_pull

EXCLUDED = -1e30
"""A score whose exponential is 0, and whose gradient is."""


@dataclass(frozen=True)
class FoldInSettings:
    """How a person is folded in; `sharpness` is that of training (`recommendation.sharpness` of the checkpoint)."""

    sharpness: float = 5.0
    negatives: int = 1024
    evaluations: int = 4
    step: float = 0.6
    tolerance: float = 1e-3
    pace: float = 4.0

    def __post_init__(self) -> None:
        counts, sizes = (self.negatives, self.evaluations), (self.sharpness, self.step, self.pace)
        if not (min(counts) >= 1 and min(sizes) > 0):
            raise ValueError("sharpness, negatives, evaluations, step and pace of a fold-in must be above 0")


class UserFolding:
    """Folds people into one catalogue. Thread-safe: nothing in it changes."""

    def __init__(self, catalogue: Catalogue, settings: FoldInSettings) -> None:
        """Gather the negatives once, in float32: min(n, negatives) x (d + 2P + 1) numbers."""
        self._catalogue, self._settings = catalogue, settings
        n = len(catalogue.items)
        drawn = np.sort(np.random.default_rng(0).permutation(n)[: settings.negatives])
        self._drawn = torch.from_numpy(drawn)
        self._negatives = catalogue.part(self._drawn).to(torch.float32)

    @torch.no_grad()
    def fold(self, history: NDArray[np.int64]) -> Tensor:
        """Give the (d,) vector of a person who likes the (m,) item rows `history`; repeats count once.

        The walk is in float32, the vector in the catalogue's own precision.

        Raises:
            ValueError: the history is empty.
            IndexError: a row is outside the catalogue.
        """
        rows = torch.from_numpy(np.unique(history))
        if not len(rows):
            raise ValueError("nobody can be folded in from an empty history")
        if int(rows[0]) < 0 or int(rows[-1]) >= len(self._catalogue.items):
            raise IndexError(f"a row of the history is outside a catalogue of {len(self._catalogue.items)}")
        liked = self._catalogue.part(rows).to(torch.float32)
        # One catalogue of both: half of the operations, of which a walk of milliseconds makes some hundred.
        both, taken = self._negatives.joined(liked), torch.isin(self._drawn, rows)
        user = self._descend(in_ball(_to_sphere(liked.items.mean(0))), both, taken)
        return in_ball(user.to(self._catalogue.items.dtype))

    @torch.no_grad()
    def moved(self, trained: Tensor, history: NDArray[np.int64], new: NDArray[np.int64]) -> Tensor:
        """Give the (d,) vector of somebody with a trained one, who likes the (m,) rows `history` and then (k,) `new`.

        Repeats count once; without `new` it is `trained` itself. Raises as `fold`.
        """
        if not len(new):
            return trained
        everything = np.union1d(history, new)
        part = min(1.0, self._settings.pace * len(np.unique(new)) / len(everything))
        return in_ball((1.0 - part) * trained + part * self.fold(everything).to(trained.dtype))

    def _descend(self, user: Tensor, both: Catalogue, taken: Tensor) -> Tensor:
        step = self._settings.step
        value, direction = self._slope(user, both, taken)
        for _ in range(self._settings.evaluations - 1):
            tried = in_ball(user - step * direction())
            found, ahead = self._slope(tried, both, taken)
            if found >= value:
                step /= 2
                continue
            settled = value - found < self._settings.tolerance * abs(value)
            user, value, direction = tried, found, ahead
            if settled:
                break
        return user

    def _slope(self, user: Tensor, both: Catalogue, taken: Tensor) -> tuple[float, Callable[[], Tensor]]:
        """Give L(u), and what gives its gradient, brought to length 1: the last step needs none.

        `both` holds the negatives, then what is liked.
        """
        s, (scores, pull_of) = self._settings.sharpness, scores_and_pull(both, user)
        negative, positive = scores[: len(taken)], scores[len(taken) :]
        others = (s * negative).masked_fill_(taken, EXCLUDED)
        usable = max(1, len(taken) - int(taken.sum()))
        scale = max(1.0, (len(self._catalogue.items) - len(positive)) / usable)
        total = torch.logsumexp(others, 0)
        margins = total + math.log(scale) - s * positive

        @lru_cache(1)
        def direction() -> Tensor:
            # dL/d(margin) = sigmoid / m; it pulls the liked ones up and, shared out by the softmax, the others down.
            pull = (s / len(positive)) * torch.sigmoid(margins)
            return _to_sphere(pull_of(torch.cat([pull.sum() * (others - total).exp_(), -pull])))

        return float(functional.softplus(margins).mean()), direction


def _to_sphere(vector: Tensor) -> Tensor:
    unit: Tensor = vector / vector.norm().clamp_min(1e-12)
    return unit


def in_ball(vector: Tensor) -> Tensor:
    """Shorten a (d,) vector that is longer than 1."""
    kept: Tensor = vector / vector.norm().clamp_min(1.0)
    return kept
