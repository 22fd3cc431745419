"""Scores of a catalogue for a person, and which way each pulls them: the gradient of `Catalogue.scores` by hand.

With G the gradient of a loss in g^2 and the symbols of models/catalogue.py,

    dL/dt = G (2 t (q_ww - 2) - 2 q_wp)
    dL/da = 2 G (G_pp - 2 t G_wp + t^2 G_ww) a + 2 G (P u - P i) + dL/dt (W u - W i)
    dL/d(phi) = a (dL/da - a . dL/da) / tau   in soft induction, c dL/da in raw attention, 0 in hard induction
    dL/du = 2 sum G (u - i) + P' sum (dL/d(phi) + 2 G a) + W' sum (dL/dt a)

Autograd takes some hundred small operations for it, this thirty, which is what a fold-in of milliseconds needs. L1 goes
through autograd.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from models.catalogue import Catalogue

Pull = Callable[[Tensor], Tensor]
"""From dL/dy, (n,), to dL/du, (d,)."""


def scores_and_pull(catalogue: Catalogue, user: Tensor) -> tuple[Tensor, Pull]:
    """Give the (n,) scores for a (d,) person, and the function that turns a gradient in them into one in the person.

    Equal to autograd of `Catalogue.scores` (tests/models/test_fold_in_users.py).
    """
    return _by_autograd(catalogue, user) if catalogue.space.norm == "l1" else _by_hand(catalogue, user)


def _by_autograd(catalogue: Catalogue, user: Tensor) -> tuple[Tensor, Pull]:
    with torch.enable_grad():
        point = user.detach().requires_grad_()
        scores = catalogue.scores(point)

    def pull(upstream: Tensor) -> Tensor:
        return torch.autograd.grad(scores, point, upstream)[0]

    return scores.detach(), pull


@torch.no_grad()
def _by_hand(catalogue: Catalogue, user: Tensor) -> tuple[Tensor, Pull]:
    space, items = catalogue.space, catalogue.items
    of_user, along_user = space.preferences @ user, space.normals @ user
    a = catalogue.weights(user)
    products = (a @ catalogue.grams).view(len(a), 3, -1)
    from_logits, from_normals = of_user - catalogue.logits, along_user - catalogue.normals
    s, t = (a * from_logits).sum(1), (a * from_normals).sum(1)
    q_pp, q_wp, q_ww = (products * a.unsqueeze(1)).sum(2).unbind(1)
    delta = catalogue.squares + user.square().sum() - 2.0 * (items @ user)
    g = delta + 2.0 * s + q_pp - 2.0 * t * (t + q_wp) + q_ww * t.square()

    def pull(upstream: Tensor) -> Tensor:
        weight = -upstream
        d_t = weight * (2.0 * t * (q_ww - 2.0) - 2.0 * q_wp)
        d_user = 2.0 * (weight @ a)
        if space.strategy == "soft":
            mixed = products[:, 0] - (2.0 * t).unsqueeze(1) * products[:, 1] + t.square().unsqueeze(1) * products[:, 2]
            d_a = (mixed + from_logits).mul_(2.0 * weight.unsqueeze(1)).addcmul_(from_normals, d_t.unsqueeze(1))
            if space.raw_scale is not None:
                d_user += space.raw_scale * d_a.sum(0)
            else:
                d_user += (a * (d_a - (a * d_a).sum(1, keepdim=True))).sum(0) / space.temperature
        pulled: Tensor = 2.0 * (weight.sum() * user - weight @ items)
        return pulled + d_user @ space.preferences + (d_t @ a) @ space.normals

    return -g, pull
