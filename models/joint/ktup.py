"""KTUP: TUP whose items borrow from their entities and whose preferences are the relations of the graph.

    i^ = i + e where item i is entity e, else i                    (15)
    p^ = p + r,  w^ = w_p + w_r, one preference for each relation  (16)
    induction and distance as TUP, on u, i^, p^, w^                (8-14)
    f(h, r, t) as TransH, on e, r, w_r                             (2, 3)

Numbers: Cao et al., WWW 2019. Both tasks move e, r and w_r. Scores are -g and -f: higher is better.
`combine = "mean"` halves the three sums (aligned items only), which keeps them inside the unit ball;
`"mean-preferences"` halves p^ and w^ alone, as its authors' code does, with raw attention a = (u + i^) . (p + r) / 2.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from models.geometry import Norm, keep_in_unit_ball_, keep_on_unit_sphere_, rows_of, unit_rows
from models.interface import Sizes
from models.preferences import Attention, PreferenceScoring, PreferenceSpace, Strategy, check_attention
from models.translation import FactScoring, HyperplaneFacts


@dataclass(frozen=True)
class KTUPConfig:
    """Settings of KTUP; `temperature` divides phi before the softmax, 1 as in the paper.

    `preference_scale` multiplies p^, 1 as in the paper: below 1, how far a preference carries is bounded more tightly
    than where it points from, which keeps a model with many dimensions from overfitting (docs/experiments.md).
    """

    embedding_size: int = 100
    strategy: Strategy = "soft"
    norm: Norm = "l1"
    temperature: float = 1.0
    combine: Literal["sum", "mean", "mean-preferences"] = "sum"
    attention: Attention = "softmax"
    preference_scale: float = 1.0

    def __post_init__(self) -> None:
        check_attention(self.strategy, self.attention, self.temperature, self.preference_scale)


class KTUP(PreferenceScoring, FactScoring, nn.Module):
    """Tables u, i, e, r, w_r, p, w_p, and the buffer `alignment` (n_items,): an entity's row or -1."""

    alignment: Tensor

    def __init__(self, config: KTUPConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_users, self.n_items = sizes.n_users, sizes.n_items
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        self.n_preferences = sizes.n_relations
        d = config.embedding_size
        self.users = nn.Parameter(unit_rows(self.n_users, d, generator))
        self.items = nn.Parameter(unit_rows(self.n_items, d, generator))
        self.entities = nn.Parameter(unit_rows(self.n_entities, d, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, d, generator))
        self.relation_normals = nn.Parameter(unit_rows(self.n_relations, d, generator))
        self.preferences = nn.Parameter(unit_rows(self.n_preferences, d, generator))
        self.preference_normals = nn.Parameter(unit_rows(self.n_preferences, d, generator))
        self.register_buffer("alignment", sizes.alignment.clone())

    @property
    def space(self) -> PreferenceSpace:
        """Induction and translation over p^ and w^."""
        c, scale = self.config, 1.0 if self.config.combine == "sum" else 0.5
        preferences = c.preference_scale * scale * (self.preferences + self.relations)
        normals = scale * (self.preference_normals + self.relation_normals)
        raw_scale = 0.5 / scale if c.attention == "raw" else None  # phi is of p^, which may be halved already
        return PreferenceSpace(preferences, normals, c.strategy, c.norm, c.temperature, raw_scale)

    @property
    def facts(self) -> HyperplaneFacts:
        """TransH over e, r, w_r."""
        return HyperplaneFacts(self.entities, self.relations, self.relation_normals, self.config.norm)

    def user_vectors(self, rows: Tensor) -> Tensor:
        """Give u for (B,) rows; returns (B, d), in the precision of the other tables, whatever they are stored in."""
        return rows_of(self.users, rows).to(self.items.dtype)

    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """Give i^ for (B,) rows, or for all items; returns (B, d)."""
        items = self.items if rows is None else rows_of(self.items, rows)
        entity_rows = self.alignment if rows is None else self.alignment[rows]
        aligned = (entity_rows >= 0).unsqueeze(-1).to(items.dtype)
        entities = rows_of(self.entities, entity_rows.clamp_min(0))
        if self.config.combine == "mean":
            return torch.lerp(items, entities, 0.5 * aligned)
        return torch.addcmul(items, entities, aligned)

    def constrain_(self) -> None:
        """Keep vectors inside the unit ball and normals at length 1; to be called after each optimiser step."""
        for table in (self.users, self.items, self.entities, self.relations, self.preferences):
            keep_in_unit_ball_(table.data)
        for normals in (self.relation_normals, self.preference_normals):
            keep_on_unit_sphere_(normals.data)
