"""CKE: matrix factorisation whose items add the vectors that TransR learns for their entities.

    y(u, i) = u . (i + e) where item i is entity e, else u . i
    f(h, r, t) = | M_r h + r - M_r t |

Source: Zhang et al., KDD 2016, its structural part alone, as in Cao et al., WWW 2019, section 6.2. Scores are y, of
either sign, and -f: higher is better for both. (The public code of the latter ranks by y as if it were a distance.)
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from models.geometry import Norm, keep_in_ball_, keep_in_unit_ball_, rows_of, unit_rows
from models.interface import Sizes
from models.noise import Noise
from models.translation import FactScoring, MappedFacts


@dataclass(frozen=True)
class CKEConfig:
    """Settings of CKE; `norm` is that of f, `bounded` keeps users and items inside the unit ball (entities are)."""

    embedding_size: int = 100
    norm: Norm = "l1"
    bounded: bool = True


class CKE(FactScoring, nn.Module):
    """Tables u, i, e, r, the matrices M_r (n_relations, d, d), and the buffer `alignment` (n_items,): a row or -1."""

    alignment: Tensor

    def __init__(self, config: CKEConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_users, self.n_items = sizes.n_users, sizes.n_items
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        d = config.embedding_size
        self.users = nn.Parameter(unit_rows(self.n_users, d, generator))
        self.items = nn.Parameter(unit_rows(self.n_items, d, generator))
        self.entities = nn.Parameter(unit_rows(self.n_entities, d, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, d, generator))
        self.relation_matrices = nn.Parameter(torch.eye(d).repeat(self.n_relations, 1, 1))
        self.register_buffer("alignment", sizes.alignment.clone())

    @property
    def facts(self) -> MappedFacts:
        """TransR over e, r, M_r."""
        return MappedFacts(self.entities, self.relations, self.relation_matrices, self.config.norm)

    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """Give i + e, or i where there is no e, for (B,) rows, or for all items; returns (B, d)."""
        items = self.items if rows is None else rows_of(self.items, rows)
        entity_rows = self.alignment if rows is None else self.alignment[rows]
        aligned = (entity_rows >= 0).unsqueeze(-1)
        return torch.where(aligned, items + rows_of(self.entities, entity_rows.clamp_min(0)), items)

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Noise | None = None) -> Tensor:
        """Score (B,) users with (B,) items: u . (i + e); returns (B,). Nothing is drawn from `generator`."""
        return (rows_of(self.users, users) * self.item_vectors(items)).sum(-1)

    def score_items(self, users: Tensor, candidates: Tensor | None = None, *, generator: Noise | None = None) -> Tensor:
        """Score every item, or the (n,) candidates, for (B,) users; returns (B, n)."""
        return rows_of(self.users, users) @ self.item_vectors(candidates).T

    def constrain_(self) -> None:
        """Keep e and r in the unit ball, u and i too where `bounded`, and M_r no longer than the identity."""
        for table in (self.entities, self.relations, *((self.users, self.items) if self.config.bounded else ())):
            keep_in_unit_ball_(table.data)
        keep_in_ball_(self.relation_matrices.data.flatten(1), self.config.embedding_size**0.5)
