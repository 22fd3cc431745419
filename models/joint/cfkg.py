"""CFKG: users, items, entities and relations are one graph, and "interact" is one more relation of it.

    e_i = e where item i is entity e, else a vector of its own in the same space
    g(u, i) = | u + r_interact - e_i |
    f(h, r, t) = | h + r - t |

Source: Zhang et al., arXiv:1803.06540 (2018), with TransE, as in Cao et al., WWW 2019, section 6.2.
Scores are -g and -f: higher is better. Two items that are the same entity always score alike.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from models.geometry import Norm, distances, keep_in_unit_ball_, length, rows_of, unit_rows
from models.interface import Sizes
from models.noise import Noise
from models.translation import FactScoring, PlainFacts


@dataclass(frozen=True)
class CFKGConfig:
    """Settings of CFKG."""

    embedding_size: int = 100
    norm: Norm = "l1"


class CFKG(FactScoring, nn.Module):
    """Tables u, i, e, r, the row `interact` (1, d), and the buffer `alignment` (n_items,): an entity's row or -1.

    Of `items` (n_items, d) only the rows of unaligned items are ever read.
    """

    alignment: Tensor

    def __init__(self, config: CFKGConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_users, self.n_items = sizes.n_users, sizes.n_items
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        d = config.embedding_size
        self.users = nn.Parameter(unit_rows(self.n_users, d, generator))
        self.items = nn.Parameter(unit_rows(self.n_items, d, generator))
        self.entities = nn.Parameter(unit_rows(self.n_entities, d, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, d, generator))
        self.interact = nn.Parameter(unit_rows(1, d, generator))
        self.register_buffer("alignment", sizes.alignment.clone())

    @property
    def facts(self) -> PlainFacts:
        """TransE over e, r."""
        return PlainFacts(self.entities, self.relations, self.config.norm)

    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """Give e_i for (B,) rows, or for all items; returns (B, d)."""
        items = self.items if rows is None else rows_of(self.items, rows)
        entity_rows = self.alignment if rows is None else self.alignment[rows]
        aligned = (entity_rows >= 0).unsqueeze(-1)
        return torch.where(aligned, rows_of(self.entities, entity_rows.clamp_min(0)), items)

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Noise | None = None) -> Tensor:
        """Score (B,) users with (B,) items: -g(u, i); returns (B,). Nothing is drawn from `generator`."""
        return -length(rows_of(self.users, users) + self.interact - self.item_vectors(items), self.config.norm)

    def score_items(self, users: Tensor, candidates: Tensor | None = None, *, generator: Noise | None = None) -> Tensor:
        """Score every item, or the (n,) candidates, for (B,) users; returns (B, n)."""
        target = rows_of(self.users, users) + self.interact
        return -distances(target, self.item_vectors(candidates), self.config.norm)

    def constrain_(self) -> None:
        """Keep every vector inside the unit ball; to be called after each optimiser step."""
        for table in (self.users, self.items, self.entities, self.relations, self.interact):
            keep_in_unit_ball_(table.data)
