"""Corrupted triples: head or tail replaced by a uniform entity, never a known fact, in bounded time."""

import torch
from torch import Generator, Tensor

from training.sampling.items import TRIES
from training.sampling.membership import KnownSet


def shared_entities(n_entities: int, count: int, generator: Generator, device: torch.device) -> Tensor:
    """Draw (count,) entities with replacement, to stand in as heads and tails of every row of a batch."""
    return torch.randint(n_entities, (count,), generator=generator, device=device)


def corrupt(known: KnownSet, triples: Tensor, n_entities: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Replace head or tail (a fair coin) of each of the (B, 3) head, relation, tail rows.

    Returns:
        (B, 3) triples and (B,) bool: whether the row is usable; not where every try gave a known fact.
    """
    device = triples.device
    side = torch.where(torch.rand(len(triples), generator=generator, device=device) < 0.5, 0, 2)
    corrupted, bad = triples.clone(), torch.zeros(len(triples), dtype=torch.bool, device=device)
    again = torch.arange(len(triples), device=device)
    for _ in range(TRIES + 1):
        corrupted[again, side[again]] = torch.randint(n_entities, again.shape, generator=generator, device=device)
        bad[again] = known.contains(*corrupted[again].unbind(1))
        again = bad.nonzero().squeeze(1)
        if not len(again):
            break
    return corrupted, ~bad
