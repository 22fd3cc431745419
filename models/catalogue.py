"""Every item as seen by one person who is a vector, not a row: scores for new, steered and anonymous people alike.

    a = softmax((P u + P i) / tau + log m)        soft: m_k multiplies the odds that preference k is induced
    k = argmax((P u + P i)_k / tau + log m_k)     hard
    a = c m (P u + P i)                           raw attention, where nothing is shared out

With m = 1 these are eqs. (4-10) of the model, with m_k = 0 those of the model in which k is masked. Only odds matter to
a softmax: multipliers that are all alike change nothing there, and so all 0 stands for all 1.

With squared L2, delta = u - i, s = a.(P u - P i), t = a.(W u - W i) and Gram matrices q_xy = a' G_xy a,

    g^2 = |delta|^2 + 2 s + q_pp - 2 t (t + q_wp) + q_ww t^2

so that a person costs products with n x P and n x d matrices that are made once, and no temporary is n x d. L1 has no
such expansion and goes through the items in pieces of at most PIECE_ELEMENTS numbers.

Where softmax attention is not too sharp for it, no weight is computed: with e = exp(x / tau) of the logits of a person
(times m) and of an item, a_k = e_uk e_ik / Z and Z = e_u . e_i, so that what items bring is made once:

    Z s = e_i . (e_u P u) - (e_i P i) . e_u,   t likewise,   Z^2 q_xy = e_i' (E_u G_xy E_u) e_i
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from models.geometry import PIECE_ELEMENTS, length, project
from models.preferences import PreferenceSpace

BLOCK = 2048
"""Items of a block: some MiB of float64 temporaries."""


@dataclass(frozen=True)
class Catalogue:
    """The item side of a preference model, or of some of its items.

    Attributes:
        space: preferences and normals (P, d), and how they are induced.
        items: (n, d) item vectors.
        logits, normals: (n, P), i . p_k and i . w_k.
        squares: (n,) |i|^2.
        grams: (P, 3P), G + G' of p.p, w.p and w.w beside each other, halved: q = a' G a.
    """

    space: PreferenceSpace
    items: Tensor
    logits: Tensor
    normals: Tensor
    squares: Tensor
    grams: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: Any) -> "Catalogue":
        """Read it off a preference model, in float64; n x (d + 2P + 1) numbers."""
        space, dtype = model.space, torch.float64
        p, w = space.preferences.detach().to(dtype), space.normals.detach().to(dtype)
        return cls.over(replace(space, preferences=p, normals=w), model.item_vectors().detach().to(dtype))

    @classmethod
    def over(cls, space: PreferenceSpace, items: Tensor) -> "Catalogue":
        """Make it of (n, d) item vectors."""
        p, w = space.preferences, space.normals
        cross = w @ p.T
        grams = torch.cat([p @ p.T, (cross + cross.T) / 2, w @ w.T], dim=1)
        return cls(space, items, items @ p.T, items @ w.T, items.square().sum(-1), grams)

    def part(self, rows: Tensor) -> "Catalogue":
        """Give the catalogue of (m,) rows alone."""
        items, logits, normals, squares = (
            table.index_select(0, rows) for table in (self.items, self.logits, self.normals, self.squares)
        )
        return Catalogue(self.space, items, logits, normals, squares, self.grams)

    def joined(self, other: "Catalogue") -> "Catalogue":
        """Give both in one, the other's items last: a copy. Both must be of one model."""
        mine, theirs = ((c.items, c.logits, c.normals, c.squares) for c in (self, other))
        items, logits, normals, squares = (torch.cat(pair) for pair in zip(mine, theirs, strict=True))
        return Catalogue(self.space, items, logits, normals, squares, self.grams)

    def blocks(self, size: int = BLOCK) -> Iterator["Catalogue"]:
        """Give it in pieces, without a copy, whose temporaries stay in the cache of a core."""
        tables = (self.items, self.logits, self.normals, self.squares)
        for items, logits, normals, squares in zip(*(torch.split(table, size) for table in tables), strict=True):
            yield Catalogue(self.space, items, logits, normals, squares, self.grams)

    def to(self, dtype: torch.dtype) -> "Catalogue":
        """Give it in another precision."""
        p, w = self.space.preferences.to(dtype), self.space.normals.to(dtype)
        tables = (self.items, self.logits, self.normals, self.squares, self.grams)
        items, logits, normals, squares, grams = (table.to(dtype) for table in tables)
        space = replace(self.space, preferences=p, normals=w)
        return Catalogue(space, items, logits, normals, squares, grams)

    def weights(self, user: Tensor, multipliers: Tensor | None = None) -> Tensor:
        """Give the (n, P) weights that a (d,) person induces with every item; differentiable in soft induction.

        `multipliers` are (P,), at least 0; None stands for ones.
        """
        logits = self.logits + self.space.preferences @ user
        return steered_weights(self.space, logits, multipliers)

    def scores(self, user: Tensor, multipliers: Tensor | None = None) -> Tensor:
        """Score all items for a (d,) person: -g, (n,). Within 1e-9 of `literal_scores` in float64; differentiable."""
        factors = self._factors
        if factors is not None:
            return self._factorised(user, multipliers, factors)
        return torch.cat([part._weighted(user, multipliers) for part in self.blocks()])

    def _weighted(self, user: Tensor, multipliers: Tensor | None) -> Tensor:
        weights = self.weights(user, multipliers)
        if self.space.norm == "l1":
            return self._literal(user, self.items, weights)
        p, w = self.space.preferences, self.space.normals
        s = weights @ (p @ user) - (weights * self.logits).sum(1)
        t = weights @ (w @ user) - (weights * self.normals).sum(1)
        quadratic = (weights @ self.grams).view(len(weights), 3, -1) * weights.unsqueeze(1)
        return self._scored(user, s, t, quadratic.sum(2))

    def _scored(self, user: Tensor, s: Tensor, t: Tensor, q: Tensor) -> Tensor:
        """Join s and t, (n,), and q, (n, 3)."""
        q_pp, q_wp, q_ww = q.unbind(1)
        delta = self.squares + user.square().sum() - 2.0 * (self.items @ user)
        g = delta + 2.0 * s + q_pp - 2.0 * t * (t + q_wp) + q_ww * t.square()
        return -g.clamp_min(0.0)

    @cached_property
    def _factors(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """What items bring where no weight is computed: (n, P) e, e P i and e W i; None where it does not apply."""
        space, logits = self.space, self.logits
        if space.norm == "l1" or space.strategy != "soft" or space.raw_scale is not None or not logits.numel():
            return None
        highest = logits.amax(1, keepdim=True)
        # Z is at least exp(-spread / tau), and its square must stay a normal number.
        most = -0.5 * math.log(torch.finfo(logits.dtype).tiny) - 5.0
        if not bool((highest - logits.amin(1, keepdim=True)).max() < most * space.temperature):
            return None
        e = ((logits - highest) / space.temperature).exp()
        return e, e * logits, e * self.normals

    def _factorised(self, user: Tensor, multipliers: Tensor | None, factors: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        along_p, along_w = self.space.preferences @ user, self.space.normals @ user
        odds = along_p / self.space.temperature
        if multipliers is not None and not bool((multipliers == 0).all()):
            odds = odds + multipliers.log()
        e_u = (odds - odds.amax()).exp()
        of_user = torch.stack([e_u, e_u * along_p, e_u * along_w], dim=1)
        mixed = ((e_u.unsqueeze(1) * self.grams).view(len(e_u), 3, -1) * e_u).view(len(e_u), -1)
        s, t, q = [], [], []
        for e, e_p, e_w in zip(*(torch.split(table, BLOCK) for table in factors), strict=True):
            z, of_p, of_w = (e @ of_user).unbind(1)
            s.append((of_p - e_p @ e_u) / z)
            t.append((of_w - e_w @ e_u) / z)
            q.append(((e @ mixed).view(len(e), 3, -1) * e.unsqueeze(1)).sum(2) / z.square().unsqueeze(1))
        return self._scored(user, torch.cat(s), torch.cat(t), torch.cat(q))

    def literal_scores(self, user: Tensor, rows: Tensor, multipliers: Tensor | None = None) -> Tensor:
        """Score (m,) rows by the equation as it stands: for a user of the model, exactly its `score_pairs`."""
        items = self.items.index_select(0, rows)
        users = user.expand(len(items), -1)
        weights = steered_weights(self.space, self.space.logits(users, items), multipliers)
        return -self.space.pair_distances(users, items, weights)

    def _literal(self, user: Tensor, items: Tensor, weights: Tensor) -> Tensor:
        size = max(1, PIECE_ELEMENTS // max(1, user.numel()))
        found = user.new_empty(len(items))
        for start in range(0, len(items), size):
            part = weights[start : start + size]
            p, w = part @ self.space.preferences, part @ self.space.normals
            delta = project(user - items[start : start + size], w) + p
            found[start : start + size] = -length(delta, self.space.norm)
        return found


def steered_weights(space: PreferenceSpace, logits: Tensor, multipliers: Tensor | None) -> Tensor:
    """Induce weights (..., P) from logits phi (..., P), the odds of each multiplied by (P,) `multipliers`."""
    if multipliers is None:
        return space.induce(logits)
    if space.raw_scale is not None:
        return multipliers * space.induce(logits)
    if bool((multipliers == 0).all()):
        return space.induce(logits)
    return space.induce(logits + space.temperature * multipliers.log())


def check_multipliers(multipliers: Tensor, n_preferences: int) -> None:
    """Make sure that steering is possible.

    Raises:
        ValueError: not one multiplier for each preference, or one is negative or not finite.
    """
    if multipliers.shape != (n_preferences,):
        raise ValueError(f"expected {n_preferences} multipliers, got {tuple(multipliers.shape)}")
    if not bool((torch.isfinite(multipliers) & (multipliers >= 0)).all()):
        raise ValueError("a multiplier is negative or not a finite number")
