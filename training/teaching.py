"""What joins the losses of recommendation: penalties of the model itself, and what pairs are taught to induce."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from training import losses
from training.config import RecommendationLoss
from training.induction import InductionTargets
from training.shares import WHOLE, Share


def penalties(settings: RecommendationLoss, model: Any, items: Sequence[Tensor], share: Share = WHOLE) -> Tensor:
    """Give what the objective adds for the model itself: its own regulariser over `items`, orthogonality of its space.

    The orthogonality is that of its own preferences (of KTUP: p and w_p, without the relations).
    """
    own = torch.cat([rows[share.rows(len(rows))] for rows in items])
    total = torch.zeros((), device=own.device)
    if hasattr(model, "regulariser"):
        part = _part_of_aligned(model, own, share) if share.of > 1 else 1.0
        total = total + settings.regulariser_weight * part * model.regulariser(own)
    if settings.orthogonality_weight and hasattr(model, "space"):
        orthogonality = losses.orthogonality(model.preferences, model.preference_normals)
        total = total + settings.orthogonality_weight / share.of * orthogonality
    return total


def _part_of_aligned(model: Any, items: Tensor, share: Share) -> Tensor:
    """Tell which part of all aligned items are here: the regulariser is a mean over those."""
    aligned = (model.alignment[items] >= 0).sum()
    part: Tensor = aligned / share.total(aligned).clamp_min(1)
    return part


TAUGHT_PAIRS = 2048
"""Most pairs of a batch that are taught what they induce; drawn where there are more."""


@dataclass(frozen=True)
class TaughtPairs:
    """(n,) users and items, in rows of the model, and in those of the vocabularies."""

    users: Tensor
    items: Tensor
    user_ids: Tensor
    item_ids: Tensor

    def __getitem__(self, rows: Tensor | slice) -> "TaughtPairs":
        return TaughtPairs(self.users[rows], self.items[rows], self.user_ids[rows], self.item_ids[rows])


def taught(
    settings: RecommendationLoss,
    targets: InductionTargets | None,
    model: Any,
    pairs: TaughtPairs,
    generator: Generator,
    share: Share = WHOLE,
) -> Tensor | float:
    """Give the weighted losses of what training pairs induce and what it carries, or 0 where nothing is taught.

    Necessity: a pair must score better with what it induces than with the first preference of that left out; this
    moves vectors, not the induction itself.
    """
    if targets is None:
        return 0.0
    of = len(pairs.users)
    if of > TAUGHT_PAIRS:
        pairs = pairs[torch.randint(of, (TAUGHT_PAIRS,), generator=generator, device=pairs.users.device)]
        of = TAUGHT_PAIRS
    mine = share.rows(of)
    wanted, pairs = targets.within(mine, pairs.user_ids, pairs.item_ids), pairs[mine]
    space, u, i = model.space, model.user_vectors(pairs.users), model.item_vectors(pairs.items)
    logits = space.logits(u, i)
    told = targets.loss(logits / space.temperature, wanted, share)
    loss = settings.induction_weight * told
    if settings.necessity_weight and logits.shape[-1] > 1:  # without its only preference a pair would have none
        held = logits.detach()
        first = functional.one_hot(held.argmax(-1), held.shape[-1]).bool()
        without = space.pair_distances(u, i, space.induce(held.masked_fill(first, float("-inf"))))
        gained = without - space.pair_distances(u, i, space.induce(held))
        loss = loss + settings.necessity_weight * (functional.softplus(-settings.sharpness * gained).sum() / of)
    return loss
