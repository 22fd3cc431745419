"""What raw attention adds to the squared distance of every user and item: products of small matrices alone.

With a = c (a_u + a_i), products a_u = P u, a_i = P i, b_u = W u, b_i = W i and three Gram matrices G,

    m = 2 s + q_pp - 2 t (t + q_wp) + q_ww t^2,   s = a.(a_u - a_i),  t = a.(b_u - b_i),  q_xy = a' G_xy a

is all of g^2 = |u - i|^2 + m that depends on the preferences. Weights are linear in u and in i, so each term splits:

    s = c (|a_u|^2 - |a_i|^2)
    t = c (a_u.b_u - a_i.b_i + a_i.b_u - a_u.b_i)
    q = c^2 (a_u' G a_u + a_i' G a_i + a_u' (G + G') a_i)

Nothing of size B x n x P is ever made, and autograd keeps few (B, n) tensors.
"""

import torch
from torch import Tensor


def linear_mixture(
    user_logits: Tensor, item_logits: Tensor, user_normals: Tensor, item_normals: Tensor, grams: Tensor, scale: float
) -> Tensor:
    """Give m for every user and item.

    Args:
        user_logits, user_normals: (B, P), u . p_k and u . w_k.
        item_logits, item_normals: (n, P), i . p_k and i . w_k.
        grams: (3, P, P), p_k . p_l, w_k . p_l and w_k . w_l.
        scale: c, the factor of phi.

    Returns:
        (B, n), of either sign. Differentiable in every tensor.
    """
    a_u, a_i, b_u, b_i = user_logits, item_logits, user_normals, item_normals
    s = scale * _outer_sum(a_u.square().sum(-1), -a_i.square().sum(-1))
    along = _outer_sum((a_u * b_u).sum(-1), -(a_i * b_i).sum(-1))
    t = scale * (along + torch.cat([b_u, -a_u], dim=1) @ torch.cat([a_i, b_i], dim=1).T)
    q_pp, q_wp, q_ww = (scale**2 * _quadratic(a_u, a_i, gram) for gram in grams)
    return 2 * s + q_pp - 2 * t * (t + q_wp) + q_ww * t.square()


def _quadratic(a_u: Tensor, a_i: Tensor, gram: Tensor) -> Tensor:
    """Give (a_u + a_i)' G (a_u + a_i) for every pair; returns (B, n)."""
    ends = _outer_sum((a_u @ gram * a_u).sum(-1), (a_i @ gram * a_i).sum(-1))
    return torch.addmm(ends, a_u @ (gram + gram.T), a_i.T)


def _outer_sum(of_users: Tensor, of_items: Tensor) -> Tensor:
    return of_users.unsqueeze(1) + of_items
