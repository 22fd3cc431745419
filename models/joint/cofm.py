"""CoFM: FM for items and TransE for facts, tied where an item is an entity.

    y(u, i) = b + b_u + b_i + u . i
    share:  i = e, one vector for both, where item i is entity e
    reg:    i and e apart, and | i - e | joins the objective for aligned items
    f(h, r, t) = | h + r - t |

Source: Piao and Breslin, ESWC 2018, as in Cao et al., WWW 2019, section 6.2. Scores are y, of either sign, and -f:
higher is better for both.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from models.geometry import Norm, keep_in_unit_ball_, length, rows_of, unit_rows
from models.interface import Sizes
from models.noise import Noise
from models.translation import FactScoring, PlainFacts


@dataclass(frozen=True)
class CoFMConfig:
    """Settings of CoFM; `norm` is that of f and of | i - e |, `bounded` keeps u and i inside the unit ball (e is)."""

    embedding_size: int = 100
    tie: Literal["share", "reg"] = "share"
    norm: Norm = "l1"
    bounded: bool = True


class CoFM(FactScoring, nn.Module):
    """Tables u, i, e, r, the biases of FM, and the buffer `alignment` (n_items,): an entity's row or -1.

    With `tie = "share"` only the rows of unaligned items are ever read of `items` (n_items, d).
    """

    alignment: Tensor

    def __init__(self, config: CoFMConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_users, self.n_items = sizes.n_users, sizes.n_items
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        d = config.embedding_size
        self.users = nn.Parameter(unit_rows(self.n_users, d, generator))
        self.items = nn.Parameter(unit_rows(self.n_items, d, generator))
        self.entities = nn.Parameter(unit_rows(self.n_entities, d, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, d, generator))
        self.bias = nn.Parameter(torch.zeros(1))
        self.user_biases = nn.Parameter(torch.zeros(self.n_users, 1))
        self.item_biases = nn.Parameter(torch.zeros(self.n_items, 1))
        self.register_buffer("alignment", sizes.alignment.clone())

    @property
    def facts(self) -> PlainFacts:
        """TransE over e, r."""
        return PlainFacts(self.entities, self.relations, self.config.norm)

    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """Give i, which is e where it is shared, for (B,) rows, or for all items; returns (B, d)."""
        items = self.items if rows is None else rows_of(self.items, rows)
        if self.config.tie == "reg":
            return items
        entity_rows = self.alignment if rows is None else self.alignment[rows]
        aligned = (entity_rows >= 0).unsqueeze(-1)
        return torch.where(aligned, rows_of(self.entities, entity_rows.clamp_min(0)), items)

    def regulariser(self, items: Tensor) -> Tensor:
        """Give the mean of | i - e | over the aligned ones of (B,) items: a scalar, 0 for none and where i = e."""
        entity_rows = self.alignment[items]
        aligned = entity_rows >= 0
        difference = self.item_vectors(items) - rows_of(self.entities, entity_rows.clamp_min(0))
        lengths = length(difference, self.config.norm)
        return torch.where(aligned, lengths, 0.0).sum() / aligned.sum().clamp_min(1)

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Noise | None = None) -> Tensor:
        """Score (B,) users with (B,) items: y(u, i); returns (B,). Nothing is drawn from `generator`."""
        b_u, b_i = rows_of(self.user_biases, users), rows_of(self.item_biases, items)
        product = (rows_of(self.users, users) * self.item_vectors(items)).sum(-1)
        return self.bias + b_u.squeeze(-1) + b_i.squeeze(-1) + product

    def score_items(self, users: Tensor, candidates: Tensor | None = None, *, generator: Noise | None = None) -> Tensor:
        """Score every item, or the (n,) candidates, for (B,) users; returns (B, n)."""
        b_i = self.item_biases if candidates is None else rows_of(self.item_biases, candidates)
        biases = self.bias + rows_of(self.user_biases, users) + b_i.T
        return torch.addmm(biases, rows_of(self.users, users), self.item_vectors(candidates).T)

    def constrain_(self) -> None:
        """Keep e and r inside the unit ball, u and i too where `bounded`; to be called after each optimiser step."""
        for table in (self.entities, self.relations, *((self.users, self.items) if self.config.bounded else ())):
            keep_in_unit_ball_(table.data)
