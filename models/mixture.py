"""What soft induction adds to the distance of every user and item, forward and backward, block by block.

With a = softmax((a_u + a_i) / tau), products a_u = P u, a_i = P i, b_u = W u, b_i = W i and three Gram matrices,

    m = 2 s + q_pp - 2 t (t + q_wp) + q_ww t^2,   s = a.(a_u - a_i),  t = a.(b_u - b_i),  q_xy = a' G_xy a

is all of g^2 = |u - i|^2 + m that depends on the preferences. Where the attention is not too sharp for it, m comes
from matrix products (models/factorised_mixture.py); else each weight is computed here. Autograd would write some twenty
(B, n, P) tensors to memory and read them back. Here a block of users stays in the processor's cache; nothing of size
B x n x P is kept, and the backward pass computes the block again. Preferences lie along the first dimension, so that
sums over them are sums of long vectors.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.factorised_mixture import factorised_mixture, fits

BLOCK_ELEMENTS = {"cpu": 1 << 16}
"""Numbers of a block's (P, users, n) tensor: a quarter of a MiB of float32, which stays in the cache of a core."""
OTHER_BLOCK_ELEMENTS = 1 << 24
"""The same on a GPU, where few large operations are better than many small ones."""


def soft_mixture(
    user_logits: Tensor, item_logits: Tensor, user_normals: Tensor, item_normals: Tensor, grams: Tensor, tau: float
) -> Tensor:
    """Give m for every user and item.

    Args:
        user_logits, user_normals: (B, P), u . p_k and u . w_k.
        item_logits, item_normals: (n, P), i . p_k and i . w_k.
        grams: (3, P, P), p_k . p_l, w_k . p_l and w_k . w_l.
        tau: the temperature that divides the logits.

    Returns:
        (B, n). Differentiable once in every tensor.
    """
    if fits(user_logits, item_logits, tau):
        return factorised_mixture(user_logits, item_logits, user_normals, item_normals, grams, tau)
    return weighted_mixture(user_logits, item_logits, user_normals, item_normals, grams, tau)


def weighted_mixture(
    user_logits: Tensor, item_logits: Tensor, user_normals: Tensor, item_normals: Tensor, grams: Tensor, tau: float
) -> Tensor:
    """Give the same m by way of each weight, for attention of any sharpness."""
    function: Any = _SoftMixture
    m: Tensor = function.apply(user_logits, item_logits, user_normals, item_normals, grams, tau)
    return m


class _Block:
    """The forward pass of some users with all items; preferences first, pairs flattened: (P, users x n)."""

    def __init__(
        self, a_u: Tensor, a_i: Tensor, b_u: Tensor, b_i: Tensor, symmetric: Tensor, tau: float, shape: tuple[int, int]
    ) -> None:
        p = len(a_u)
        self.a_delta = (a_u.unsqueeze(2) - a_i.unsqueeze(1)).view(p, -1)
        self.b_delta = (b_u.unsqueeze(2) - b_i.unsqueeze(1)).view(p, -1)
        logits = (a_u.unsqueeze(2) + a_i.unsqueeze(1)).view(p, -1)
        logits.sub_(logits.amax(0)).div_(tau).exp_()
        self.weights = logits.div_(logits.sum(0))
        self.products = (symmetric.view(3 * p, p) @ self.weights).view(3, p, -1)
        self.t = (self.weights * self.b_delta).sum(0)
        self.q_pp, self.q_wp, self.q_ww = (self.products * self.weights).sum(1).mul_(0.5)
        s = (self.weights * self.a_delta).sum(0)
        self.m = (2 * s + self.q_pp - 2 * self.t * (self.t + self.q_wp) + self.q_ww * self.t.square()).view(shape)


class _SoftMixture(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a_u: Tensor, a_i: Tensor, b_u: Tensor, b_i: Tensor, grams: Tensor, tau: float) -> Tensor:
        ctx.save_for_backward(a_u, a_i, b_u, b_i, grams)
        ctx.tau = tau
        blocks = [block.m for _, block in _blocks(a_u, a_i, b_u, b_i, grams, tau)]
        return torch.cat(blocks) if blocks else a_u.new_empty(0, len(a_i))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        a_u, a_i, b_u, b_i, grams = ctx.saved_tensors
        d_au, d_bu = torch.empty_like(a_u), torch.empty_like(b_u)
        d_ai, d_bi = torch.zeros_like(a_i.T), torch.zeros_like(b_i.T)
        d_grams = torch.zeros_like(grams)
        p, n = a_u.shape[1], len(a_i)
        for rows, block in _blocks(a_u, a_i, b_u, b_i, grams, ctx.tau):
            g = upstream[rows].reshape(-1)
            t, a = block.t, block.weights
            d_t = g * (2 * t * (block.q_ww - 2) - 2 * block.q_wp)
            quadratic = torch.stack([g, -2 * t * g, t.square() * g])
            d_a = (block.products * quadratic.unsqueeze(1)).sum(0)
            d_a.addcmul_(block.a_delta, 2 * g).addcmul_(block.b_delta, d_t)
            d_grams += (a * quadratic.unsqueeze(1)).view(3 * p, -1).mm(a.T).view(3, p, p)
            d_logits = d_a.sub_((a * d_a).sum(0)).mul_(a).div_(ctx.tau).view(p, -1, n)
            direct = (a * (2 * g)).view(p, -1, n)
            d_au[rows] = (d_logits + direct).sum(2).T
            d_ai += (d_logits - direct).sum(1)
            along = (a * d_t).view(p, -1, n)
            d_bu[rows] = along.sum(2).T
            d_bi -= along.sum(1)
        return d_au, d_ai.T, d_bu, d_bi.T, d_grams, None


def _blocks(a_u: Tensor, a_i: Tensor, b_u: Tensor, b_i: Tensor, grams: Tensor, tau: float) -> Any:
    """Yield (slice of users, _Block) over all users."""
    symmetric = grams + grams.transpose(1, 2)
    a_it, b_it = a_i.T.contiguous(), b_i.T.contiguous()
    a_ut, b_ut = a_u.T.contiguous(), b_u.T.contiguous()
    budget = BLOCK_ELEMENTS.get(a_u.device.type, OTHER_BLOCK_ELEMENTS)
    size = max(1, budget // max(1, a_i.numel()))
    for start in range(0, len(a_u), size):
        rows = slice(start, min(start + size, len(a_u)))
        shape = (rows.stop - rows.start, len(a_i))
        yield rows, _Block(a_ut[:, rows], a_it, b_ut[:, rows], b_it, symmetric, tau, shape)
