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
    at_head = torch.rand(len(triples), generator=generator, device=device) < 0.5
    corrupted, bad = triples, torch.ones(len(triples), dtype=torch.bool, device=device)
    for _ in range(TRIES + 1):
        drawn = torch.randint(n_entities, (len(triples),), generator=generator, device=device)
        heads = torch.where(bad & at_head, drawn, corrupted[:, 0])
        tails = torch.where(bad & ~at_head, drawn, corrupted[:, 2])
        corrupted = torch.stack([heads, triples[:, 1], tails], dim=1)
        bad = known.contains(corrupted[:, 0], corrupted[:, 1], corrupted[:, 2])
    return corrupted, ~bad
