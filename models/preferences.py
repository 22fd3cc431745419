"""Preference induction, and the translation of a user to items along what was induced.

    phi = (u + i) . p_k                                                        (8)
    hard:  one k for a pair: argmax phi (Gumbel noise in training only)        (4-7)
    soft:  a = softmax(phi / tau);  p = sum a_k p_k;  w = sum a_k w_k          (9, 10, 14)
    raw:   a = c phi instead: of either sign, of any sum
    g = | u_perp + p - i_perp |,  x_perp = x - (w . x) w                       (11-13)

Numbers: Cao et al., WWW 2019. TUP and KTUP share these lines; they differ in what u, i, p and w are made of.
Raw attention is not in the paper but in its authors' code, which has no softmax: there a = (u + i) . p_k / 2.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from models.geometry import PIECE_ELEMENTS, Norm, length, project, translated_length
from models.linear_mixture import linear_mixture
from models.mixture import soft_mixture
from models.noise import Noise, exponential_like

Strategy = Literal["hard", "soft"]
Attention = Literal["softmax", "raw"]


def check_attention(strategy: Strategy, attention: Attention, temperature: float, preference_scale: float) -> None:
    """Make sure that settings agree.

    Raises:
        ValueError: raw attention with hard induction, which chooses one preference, or with a temperature, which
            divides what is put into a softmax, or with scaled preferences, which no softmax makes weights of.
    """
    if attention == "raw" and strategy == "hard":
        raise ValueError("model.attention: 'raw' is for soft induction; hard induction mixes nothing")
    if attention == "raw" and temperature != 1.0:
        raise ValueError(f"model.temperature: {temperature!r} divides phi before a softmax; attention = 'raw' has none")
    if attention == "raw" and preference_scale != 1.0:
        raise ValueError("model.preference_scale: raw attention has preferences of their own length; leave it at 1")


@dataclass(frozen=True)
class PreferenceSpace:
    """What induction and translation need of a model, as (P, d) tables, and how to use them.

    `raw_scale` is the c of raw attention; None stands for the softmax.
    """

    preferences: Tensor
    normals: Tensor
    strategy: Strategy
    norm: Norm
    temperature: float
    raw_scale: float | None = None

    def induce(self, logits: Tensor, generator: Noise | None = None) -> Tensor:
        """Turn (..., P) logits phi into weights (..., P); a logit of -inf is never induced: its weight is 0.

        Weights sum to 1, except raw ones, which are c phi and may be negative. Hard weights are one-hot; with a
        generator they are the straight-through Gumbel-softmax sample of log softmax(phi), whose gradient is that of
        the soft sample.
        """
        if self.raw_scale is not None:
            return self.raw_scale * logits.masked_fill(logits == float("-inf"), 0.0)
        scaled = logits / self.temperature
        if self.strategy == "soft":
            return scaled.softmax(-1)
        if generator is None:
            return functional.one_hot(scaled.argmax(-1), logits.shape[-1]).to(logits.dtype)
        noise = exponential_like(scaled, generator).log_().neg_()
        soft = (scaled.log_softmax(-1) + noise).softmax(-1)
        hard = functional.one_hot(soft.argmax(-1), logits.shape[-1]).to(soft.dtype)
        return hard - soft.detach() + soft

    def logits(self, users: Tensor, items: Tensor) -> Tensor:
        """Give phi = (u + i) . p_k for (B, d) pairs; returns (B, P)."""
        return (users + items) @ self.preferences.T

    def pair_distances(self, users: Tensor, items: Tensor, weights: Tensor) -> Tensor:
        """Measure g for (B, d) pairs with (B, P) weights; returns (B,). Both are projected at once, as u - i."""
        return translated_length(users - items, weights @ self.preferences, weights @ self.normals, self.norm)

    def grid_distances(self, users: Tensor, items: Tensor, generator: Noise | None = None) -> Tensor:
        """Measure g for every (B, d) user with every (n, d) item; returns (B, n).

        Squared L2 with delta = u - i is |delta|^2 + 2 delta.p + |p|^2 - 2 (w.delta)(w.delta + w.p) + |w|^2 (w.delta)^2,
        and every term comes from products with the P preferences and from three P x P Gram matrices: memory is
        B x n x P, never x d. L1 goes through the pairs literally, in pieces of at most PIECE_ELEMENTS numbers.
        """
        user_logits, item_logits = users @ self.preferences.T, items @ self.preferences.T
        if self.norm == "l1":
            weights = self.induce(user_logits.unsqueeze(1) + item_logits.unsqueeze(0), generator)
            return self._literal_grid(users, items, weights)
        user_normals, item_normals = users @ self.normals.T, items @ self.normals.T
        squares = users.square().sum(-1, keepdim=True) + items.square().sum(-1)
        delta = torch.addmm(squares, users, items.T, alpha=-2.0)
        if self.strategy == "soft":
            mixture = self._mixture(user_logits, item_logits, user_normals, item_normals)
            return (delta + mixture).clamp_min(0.0)
        weights = self.induce(user_logits.unsqueeze(1) + item_logits.unsqueeze(0), generator)
        w_delta = _mixed(weights, user_normals, item_normals)
        p_delta = _mixed(weights, user_logits, item_logits)
        p, w = self.preferences, self.normals
        p_p, w_p, w_w = (weights @ torch.stack([(p * p).sum(-1), (w * p).sum(-1), (w * w).sum(-1)], dim=1)).unbind(-1)
        return (delta + 2 * p_delta + p_p - 2 * w_delta * (w_delta + w_p) + w_w * w_delta.square()).clamp_min(0.0)

    def _mixture(self, user_logits: Tensor, item_logits: Tensor, user_normals: Tensor, item_normals: Tensor) -> Tensor:
        p, w = self.preferences, self.normals
        products = (user_logits, item_logits, user_normals, item_normals, torch.stack([p @ p.T, w @ p.T, w @ w.T]))
        if self.raw_scale is not None:
            return linear_mixture(*products, self.raw_scale)
        return soft_mixture(*products, self.temperature)

    def _literal_grid(self, users: Tensor, items: Tensor, weights: Tensor) -> Tensor:
        size = max(1, PIECE_ELEMENTS // max(1, users.numel()))
        found = users.new_empty(len(users), len(items))
        for start in range(0, items.shape[0], size):
            part = weights[:, start : start + size]
            p, w = part @ self.preferences, part @ self.normals
            delta = users.unsqueeze(1) - items[start : start + size].unsqueeze(0)
            found[:, start : start + size] = length(project(delta, w) + p, self.norm)
        return found


def _mixed(weights: Tensor, of_users: Tensor, of_items: Tensor) -> Tensor:
    """Give sum_k a_k (x_k(u) - x_k(i)) for (B, n, P) weights, without a (B, n, P) difference."""
    return torch.einsum("bnp,bp->bn", weights, of_users) - torch.einsum("bnp,np->bn", weights, of_items)


class PreferenceScoring(ABC):
    """The calls of a `PreferenceModel` for a model that has a `space` and vectors for users and items."""

    @property
    @abstractmethod
    def space(self) -> PreferenceSpace:
        """Induction and translation over this model's preferences."""

    @abstractmethod
    def user_vectors(self, rows: Tensor) -> Tensor:
        """Give the vectors of (B,) users; returns (B, d)."""

    @abstractmethod
    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """Give the vectors of (B,) items, or of all; returns (B, d)."""

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Noise | None = None) -> Tensor:
        """Score (B,) users with (B,) items by eqs. (8)-(14) as they stand; returns (B,)."""
        space, u, i = self.space, self.user_vectors(users), self.item_vectors(items)
        return -space.pair_distances(u, i, space.induce(space.logits(u, i), generator))

    def score_items(self, users: Tensor, candidates: Tensor | None = None, *, generator: Noise | None = None) -> Tensor:
        """Score every item, or the (n,) candidates, for (B,) users; returns (B, n). Memory is at most B x n x P."""
        return -self.space.grid_distances(self.user_vectors(users), self.item_vectors(candidates), generator)

    def preference_weights(self, users: Tensor, items: Tensor, *, masked: Tensor | None = None) -> Tensor:
        """Give the (B, P) weights that the scorer uses; `masked` (B, P) preferences may not be induced.

        Under raw attention a weight may be negative, and they need not sum to 1: compare their sizes.
        """
        space = self.space
        logits = space.logits(self.user_vectors(users), self.item_vectors(items))
        return space.induce(logits if masked is None else logits.masked_fill(masked, float("-inf")))

    def score_with_weights(self, users: Tensor, items: Tensor, weights: Tensor) -> Tensor:
        """Score (B,) pairs with given (B, P) weights; with the model's own weights this is `score_pairs`."""
        return -self.space.pair_distances(self.user_vectors(users), self.item_vectors(items), weights)
