"""One stored copy of the items, and the model's own distance from users to them, in float32.

Beside each vector i stand its products a_i = P i and b_i = W i with the preferences and their normals. Under preference
k, squared L2 is then

    g_k = |u - i|^2 + 2 (a_uk - a_ik) + |p_k|^2 - 2 t (t + w_k . p_k) + |w_k|^2 t^2,   t = b_uk - b_ik

so no preference needs projected copies: d + 2 P + 1 numbers an item serve all P. The soft mixture of one user is

    m = 2 s + q_pp - 2 t (t + q_wp) + q_ww t^2,   q_xy = e_i' (E_u G_xy E_u) e_i / Z^2,   Z = e_u . e_i

with e = exp(a / tau) (models/factorised_mixture.py): products of an (n, P) matrix with what the user brings.
L1 has no such form and is measured pair by pair.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from models.geometry import GRID_ELEMENTS, length, project
from models.linear_mixture import linear_mixture
from models.mixture import soft_mixture
from models.preferences import PreferenceSpace

BLOCK = 8192
"""Items of a block for a single user: some MiB of temporaries, which stay in the cache of a core."""
BLOCK_OF_MANY = 4 * BLOCK
"""The same for several users, where an item brings P (P + 1) / 2 numbers and more to a product."""
NEAR = 1e-4
"""Relative room for rounding when float32 tells which preference is induced: all that near are thought of."""


@dataclass(frozen=True)
class Users:
    """(B,) users: vectors (B, d), logits P u and normals W u (B, P), float32; `space` is that of the model."""

    vectors: Tensor
    logits: Tensor
    normals: Tensor
    space: PreferenceSpace

    @classmethod
    @torch.no_grad()
    def of(cls, model: Any, rows: Tensor) -> "Users":
        """Take (B,) user rows of a preference model; products are made in the model's precision."""
        space, vectors = model.space, model.user_vectors(rows).cpu()
        p, w = space.preferences.cpu(), space.normals.cpu()
        space = replace(space, preferences=p.float(), normals=w.float())
        return cls(vectors.float(), (vectors @ p.T).float(), (vectors @ w.T).float(), space)

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, part: slice) -> "Users":
        return Users(self.vectors[part], self.logits[part], self.normals[part], self.space)


@dataclass(frozen=True)
class ItemTable:
    """(n,) items: vectors (n, d), logits P i and normals W i (n, P), squares |i|^2 (n,), float32 on the CPU.

    `spread` is the largest difference of two logits of an item.
    """

    vectors: Tensor
    logits: Tensor
    normals: Tensor
    squares: Tensor
    spread: float
    _kept: dict[float, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    @torch.no_grad()
    def of(cls, vectors: Tensor, space: PreferenceSpace) -> "ItemTable":
        """Make it from (n, d) item vectors; products are made in their precision."""
        vectors, p, w = vectors.cpu(), space.preferences.cpu(), space.normals.cpu()
        parts = (vectors, vectors @ p.T, vectors @ w.T, vectors.square().sum(1))
        return cls.of_tensors(dict(zip(NAMES, (part.float().contiguous() for part in parts), strict=True)))

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> "ItemTable":
        """Read what `tensors` gave; KeyError where a part is missing."""
        logits = tensors["logits"]
        spread = float((logits.amax(1) - logits.amin(1)).max()) if logits.numel() else 0.0
        return cls(tensors["vectors"], logits, tensors["normals"], tensors["squares"], spread)

    def tensors(self) -> dict[str, Tensor]:
        """Give all of it as tensors by name, to be stored."""
        return {name: getattr(self, name) for name in NAMES}

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: Tensor) -> "ItemTable":
        """Copy the (m,) rows."""
        return self._of(lambda part: part.index_select(0, rows))

    def _of(self, pick: Callable[[Tensor], Tensor]) -> "ItemTable":
        return ItemTable(pick(self.vectors), pick(self.logits), pick(self.normals), pick(self.squares), self.spread)

    def numbers_a_pair(self, space: PreferenceSpace) -> int:
        """Tell how many numbers a pair takes up while it is measured."""
        return 1 if space.strategy == "soft" and space.norm == "l2" else self.logits.shape[1]

    @torch.no_grad()
    def distances(self, users: Users) -> Tensor:
        """Measure (B,) users with every item; returns (B, n) float32, infinite where it is no number.

        Under hard induction, where float32 cannot tell which preference is induced, a bound from below instead.
        """
        size = max(1, GRID_ELEMENTS // max(1, len(users) * self.numbers_a_pair(users.space)))
        size = min(size, BLOCK if len(users) == 1 else BLOCK_OF_MANY)
        if 0 < len(self) <= size:
            return self._measured(users).nan_to_num_(nan=math.inf, posinf=math.inf)
        found = torch.empty(len(users), len(self))
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            found[:, rows] = self._of(itemgetter(rows))._measured(users)
        return found.nan_to_num_(nan=math.inf, posinf=math.inf)

    def _measured(self, users: Users) -> Tensor:
        space = users.space
        if space.norm == "l1":
            found = space.grid_distances(users.vectors, self.vectors)
            return self._least(found, users) if space.strategy == "hard" else found
        squares = users.vectors.square().sum(1, keepdim=True) + self.squares
        plain = torch.addmm(squares, users.vectors, self.vectors.T, alpha=-2.0)
        return plain.add_(self._nearest(users) if space.strategy == "hard" else self._mixture(users)).clamp_min_(0.0)

    def _least(self, found: Tensor, users: Users) -> Tensor:
        """Lower (B, n) L1 distances to those under any other preference that may be induced; few pairs have one."""
        space, logits = users.space, users.logits.unsqueeze(1) + self.logits
        best = logits.amax(-1, keepdim=True)
        user, item, k = (logits >= best - NEAR * (1.0 + best.abs())).nonzero().unbind(1)
        ties = torch.bincount(user * len(self) + item, minlength=found.numel())
        several = ties[user * len(self) + item] > 1
        user, item, k = user[several], item[several], k[several]
        delta = users.vectors[user] - self.vectors[item]
        others = length(project(delta, space.normals[k]) + space.preferences[k], "l1")
        return found.view(-1).scatter_reduce_(0, user * len(self) + item, others, "amin").view_as(found)

    def _nearest(self, users: Users) -> Tensor:
        """Give the least g_k - |u - i|^2 over the preferences that may be induced; returns (B, n)."""
        p, w = users.space.preferences, users.space.normals
        logits = users.logits.unsqueeze(1) + self.logits
        best = logits.amax(-1, keepdim=True)
        out = logits < best - NEAR * (1.0 + best.abs())
        t = users.normals.unsqueeze(1) - self.normals
        along = t.mul(2.0 - w.square().sum(1)).add_(2.0 * (w * p).sum(1)).mul_(t)
        terms = (users.logits.unsqueeze(1) - self.logits).mul_(2.0).add_(p.square().sum(1)).sub_(along)
        return terms.masked_fill_(out, math.inf).amin(-1)

    def _mixture(self, users: Users) -> Tensor:
        space, p, w = users.space, users.space.preferences, users.space.normals
        grams = torch.stack([p @ p.T, w @ p.T, w @ w.T])
        spread = self.spread + float((users.logits.amax(1) - users.logits.amin(1)).max()) if len(users) else 0.0
        fits = 2.0 * spread / space.temperature < -math.log(torch.finfo(torch.float32).tiny) - 5.0
        if len(users) == 1 and space.raw_scale is None and fits:
            return self._mixture_of_one(users, grams)
        products = (users.logits, self.logits, users.normals, self.normals, grams)
        if space.raw_scale is not None:
            return linear_mixture(*products, space.raw_scale)
        return soft_mixture(*products, space.temperature)

    def _mixture_of_one(self, users: Users, grams: Tensor) -> Tensor:
        a_u, b_u, tau = users.logits[0], users.normals[0], users.space.temperature
        e_u = ((a_u - a_u.amax()) / tau).exp()
        e, e_a, e_b = self._factors(tau)
        z, of_a, of_b = (e @ torch.stack([e_u, e_u * a_u, e_u * b_u], dim=1)).unbind(1)
        s = (of_a - e_a @ e_u) / z
        t = (of_b - e_b @ e_u) / z
        products = e @ (torch.outer(e_u, e_u) * grams).flatten(0, 1).T
        q = (products.view(len(e), 3, -1) * e.unsqueeze(1)).sum(-1) / z.square().unsqueeze(1)
        q_pp, q_wp, q_ww = q.unbind(1)
        return (2.0 * s + q_pp - 2.0 * t * (t + q_wp) + q_ww * t.square()).unsqueeze(0)

    def _factors(self, tau: float) -> tuple[Tensor, Tensor, Tensor]:
        """Give e = exp(a / tau), e a and e b of all items, (n, P) each; kept with the table."""
        kept = self._kept.get(tau)
        if kept is None:
            e = (self.logits - self.logits.amax(1, keepdim=True)).div_(tau).exp_()
            kept = self._kept[tau] = (e, e * self.logits, e * self.normals)
        return kept


NAMES = ("vectors", "logits", "normals", "squares")
