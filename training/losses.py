"""Losses over scores, where higher is better. Those of a batch are means over the rows that can be compared at all.

Where the rows are a share of a batch, `share` says over how many the mean is taken (training/shares.py).
"""

import torch
from torch import Tensor
from torch.nn import functional

from training.shares import WHOLE, Share

EXCLUDED = -1e30
"""A score for what is not to be compared: its exponential is 0, and so is every gradient (of -inf, some are NaN)."""


def bpr(positive: Tensor, negative: Tensor, usable: Tensor, share: Share = WHOLE) -> Tensor:
    """-log sigma(y+ - y-) over (B,) scores (Rendle et al., UAI 2009; the paper's recommendation loss)."""
    return mean_of(functional.softplus(negative - positive), usable, share)


def margin(positive: Tensor, negative: Tensor, usable: Tensor, gamma: float, share: Share = WHOLE) -> Tensor:
    """max(0, f(true) + gamma - f(corrupted)) over (B,) scores y = -f (Bordes et al., NIPS 2013)."""
    return mean_of((gamma + negative - positive).clamp_min(0.0), usable, share)


def sampled_softmax(
    positive: Tensor, negatives: Tensor, excluded: Tensor, sharpness: float, share: Share = WHOLE
) -> Tensor:
    """-log( exp(s y+) / (exp(s y+) + sum exp(s y-)) ) over (B,) positives and their (B, K) negatives.

    `excluded` (B, K) marks negatives that are none. A row without any is left out of the mean.
    """
    others = (sharpness * negatives).masked_fill(excluded, float("-inf"))
    scores = torch.cat([sharpness * positive.unsqueeze(1), others], dim=1)
    return mean_of(torch.logsumexp(scores, dim=1) - scores[:, 0], ~excluded.all(dim=1), share)


def listwise(positive: Tensor, others: Tensor, weights: Tensor, share: Share = WHOLE) -> Tensor:
    """-log( exp(y+) / (exp(y+) + exp(o)) ), a mean over (n,) positives by their weights.

    `others` (n,) is the log of the sum of exp(y-) over the items that are not the user's, where y- is EXCLUDED for
    those that are; a pair without any other is left out. Both come with their sharpness.
    """
    weights = torch.where(others > EXCLUDED / 2, weights, 0.0)
    return (weights * functional.softplus(others - positive)).sum() / share.total(weights.sum()).clamp_min(1e-12)


def orthogonality(preferences: Tensor, normals: Tensor) -> Tensor:
    """sum (w_k . p_k)^2 / |p_k|^2 over (P, d) rows: 0 where each translation lies in its hyperplane.

    As in the public code of Cao et al., WWW 2019, after TransH (Wang et al., AAAI 2014). A zero row counts 0.
    """
    lengths = preferences.square().sum(-1).clamp_min(1e-12)
    return ((preferences * normals).sum(-1).square() / lengths).sum()


def mean_of(losses: Tensor, usable: Tensor, share: Share = WHOLE) -> Tensor:
    """Give the mean of the (B,) losses that are usable, 0 where none is."""
    return torch.where(usable, losses, 0.0).sum() / share.total(usable.sum()).clamp_min(1)
