"""The soft mixture as matrix products: attention over a sum of two logits is a product of two factors.

    a_k(u, i) = exp((a_uk + a_ik) / tau) / Z = E_uk E_ik / Z,    Z = sum_k E_uk E_ik

so every sum over preferences is a product of a matrix of users and a matrix of items, divided by Z or Z^2:

    Z s = (E a)_u E_i' - E_u (E a)_i'        s = a.(a_u - a_i);  t likewise with b
    Z^2 q_xy = F_u diag(g_xy) F_i'           F = products E_k E_l of pairs k <= l;  g = G_kl + G_lk, or G_kk

and m = 2 s + q_pp - 2 t (t + q_wp) + q_ww t^2, as in models/mixture.py, costs some 2 P^2 multiplications a pair in
matrix products, and no exponential. Z must stay a normal number, squared: `fits` says whether it does.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_ELEMENTS = {"cpu": 1 << 17}
"""Numbers of a block's (users, n) tensor: half a MiB of float32."""
OTHER_BLOCK_ELEMENTS = 1 << 26


def fits(user_logits: Tensor, item_logits: Tensor, tau: float) -> bool:
    """Tell whether Z^2 cannot underflow: Z is at least exp(-spread), the spreads of users and items in one sum."""
    if not user_logits.numel() or not item_logits.numel():
        return True
    spread = sum((logits.amax(1) - logits.amin(1)).max() for logits in (user_logits.detach(), item_logits.detach()))
    return bool(-2.0 * spread / tau > math.log(torch.finfo(user_logits.dtype).tiny) + 5.0)


def factorised_mixture(a_u: Tensor, a_i: Tensor, b_u: Tensor, b_i: Tensor, grams: Tensor, tau: float) -> Tensor:
    """Give m for every user and item: arguments and result as of `models.mixture.soft_mixture`."""
    function: Any = _FactorisedMixture
    m: Tensor = function.apply(a_u, a_i, b_u, b_i, grams, tau)
    return m


class _Side:
    """What one side, users or items, brings to the products: E, [E a, E], [E b, E] and F, one row for each."""

    def __init__(self, a: Tensor, b: Tensor, tau: float, sign: float) -> None:
        self.a, self.b, self.sign = a, b, sign
        self.e = ((a - a.amax(1, keepdim=True)) / tau).exp_()
        self.along_a = torch.cat([self.e * a, self.e] if sign > 0 else [self.e, -self.e * a], dim=1)
        self.along_b = torch.cat([self.e * b, self.e] if sign > 0 else [self.e, -self.e * b], dim=1)
        self.first, self.second = torch.triu_indices(a.shape[1], a.shape[1], device=a.device)
        self.pairs = self.e[:, self.first] * self.e[:, self.second]

    def gradients(self, given: list[Tensor], tau: float) -> tuple[Tensor, Tensor]:
        """Turn gradients of E, [E a, E], [E b, E] and F into those of a and b."""
        d_e, d_along_a, d_along_b, d_pairs = given
        p = self.a.shape[1]
        d_a, d_b = torch.zeros_like(self.a), torch.zeros_like(self.b)
        for d_along, x, d_x in ((d_along_a, self.a, d_a), (d_along_b, self.b, d_b)):
            scaled, plain = (d_along[:, :p], d_along[:, p:]) if self.sign > 0 else (-d_along[:, p:], d_along[:, :p])
            d_e = d_e + scaled * x + plain
            d_x += self.e * scaled
        d_e = d_e.index_add(1, self.first, d_pairs * self.e[:, self.second]).index_add(
            1, self.second, d_pairs * self.e[:, self.first]
        )
        return d_a.addcmul_(d_e, self.e, value=1.0 / tau), d_b


class _Block:
    """The forward pass of some users (rows of `users`) with all items."""

    def __init__(self, users: _Side, items: _Side, rows: slice, weights: Tensor) -> None:
        n = len(items.e)
        self.e, self.along_a, self.along_b = users.e[rows], users.along_a[rows], users.along_b[rows]
        self.weighted = (users.pairs[rows].unsqueeze(0) * weights.unsqueeze(1)).flatten(0, 1)
        self.over_z = (self.e @ items.e.T).reciprocal_()
        self.over_z2 = self.over_z.square()
        self.s = (self.along_a @ items.along_a.T).mul_(self.over_z)
        self.t = (self.along_b @ items.along_b.T).mul_(self.over_z)
        self.q = (self.weighted @ items.pairs.T).view(3, len(self.e), n).mul_(self.over_z2)

    def m(self) -> Tensor:
        q_pp, q_wp, q_ww = self.q.unbind(0)
        return q_ww.mul(self.t).sub_(2 * (self.t + q_wp)).mul_(self.t).add_(q_pp).add_(self.s, alpha=2.0)


class _FactorisedMixture(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a_u: Tensor, a_i: Tensor, b_u: Tensor, b_i: Tensor, grams: Tensor, tau: float) -> Tensor:
        ctx.save_for_backward(a_u, a_i, b_u, b_i, grams)
        ctx.tau = tau
        users, items = _Side(a_u, b_u, tau, 1.0), _Side(a_i, b_i, tau, -1.0)
        found = a_u.new_empty(len(a_u), len(a_i))
        for rows in _blocks(a_u, a_i):
            found[rows] = _Block(users, items, rows, _pair_weights(grams)).m()
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        a_u, a_i, b_u, b_i, grams = ctx.saved_tensors
        users, items = _Side(a_u, b_u, ctx.tau, 1.0), _Side(a_i, b_i, ctx.tau, -1.0)
        weights = _pair_weights(grams)
        of_users = [torch.empty_like(x) for x in (users.e, users.along_a, users.along_b, users.pairs)]
        of_items = [torch.zeros_like(x) for x in (items.e, items.along_a, items.along_b, items.pairs)]
        d_weights = torch.zeros_like(weights)
        for rows in _blocks(a_u, a_i):
            block, g = _Block(users, items, rows, weights), upstream[rows]
            d_q = torch.stack([g, -2 * block.t * g, block.t.square() * g])
            d_t = (2 * g) * (block.t * (block.q[2] - 2) - block.q[1])
            d_z = (d_q * block.q).sum(0).add_(g * block.s).mul_(-2.0).sub_(d_t * block.t).mul_(block.over_z)
            d_s, d_t = (2 * g).mul_(block.over_z), d_t.mul_(block.over_z)
            d_q = d_q.mul_(block.over_z2)
            of_users[0][rows] = d_z @ items.e
            of_users[1][rows] = d_s @ items.along_a
            of_users[2][rows] = d_t @ items.along_b
            products = (d_q.flatten(0, 1) @ items.pairs).view(3, len(block.e), items.pairs.shape[1])
            of_users[3][rows] = (products * weights.unsqueeze(1)).sum(0)
            d_weights += (products * users.pairs[rows]).sum(1)
            of_items[0].addmm_(d_z.T, block.e)
            of_items[1].addmm_(d_s.T, block.along_a)
            of_items[2].addmm_(d_t.T, block.along_b)
            of_items[3].addmm_(d_q.flatten(0, 1).T, block.weighted)
        d_au, d_bu = users.gradients(of_users, ctx.tau)
        d_ai, d_bi = items.gradients(of_items, ctx.tau)
        d_grams = torch.zeros_like(grams)
        d_grams[:, users.first, users.second] += d_weights
        off_diagonal = users.first != users.second
        d_grams[:, users.second[off_diagonal], users.first[off_diagonal]] += d_weights[:, off_diagonal]
        return d_au, d_ai, d_bu, d_bi, d_grams, None


def _pair_weights(grams: Tensor) -> Tensor:
    """Give (3, K): what each pair k <= l of preferences counts in each quadratic form."""
    first, second = torch.triu_indices(grams.shape[1], grams.shape[1], device=grams.device)
    both = grams[:, first, second]
    return torch.where(first == second, both, both + grams[:, second, first])


def _blocks(a_u: Tensor, a_i: Tensor) -> list[slice]:
    budget = BLOCK_ELEMENTS.get(a_u.device.type, OTHER_BLOCK_ELEMENTS)
    size = max(1, budget // max(1, len(a_i)))
    return [slice(start, min(start + size, len(a_u))) for start in range(0, len(a_u), size)]
