"""TransE: a relation carries its head to its tail.

    f(h, r, t) = | h + r - t |

Source: Bordes et al., NIPS 2013; eq. (1) of Cao et al., WWW 2019. Scores are -f: higher is better.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, nn

from models.geometry import Norm, distances, keep_in_unit_ball_, length, rows_of, unit_rows
from models.interface import Sizes


@dataclass(frozen=True)
class TransEConfig:
    """Settings of TransE."""

    embedding_size: int = 100
    norm: Norm = "l1"


class TransE(nn.Module):
    """Entities (n_entities, d) and relations (n_relations, d)."""

    def __init__(self, config: TransEConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        self.entities = nn.Parameter(unit_rows(self.n_entities, config.embedding_size, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, config.embedding_size, generator))

    def score_triples(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Score (B,) triples: -|h + r - t|; returns (B,)."""
        h, r, t = rows_of(self.entities, heads), rows_of(self.relations, relations), rows_of(self.entities, tails)
        return -length(h + r - t, self.config.norm)

    def score_tails(self, heads: Tensor, relations: Tensor, candidates: Tensor | None = None) -> Tensor:
        """Score entities as tails of (B,) queries: all of them, or the (n,) candidates; returns (B, n)."""
        target = rows_of(self.entities, heads) + rows_of(self.relations, relations)
        return -distances(target, self._entities(candidates), self.config.norm)

    def score_heads(self, relations: Tensor, tails: Tensor, candidates: Tensor | None = None) -> Tensor:
        """Score entities as heads of (B,) queries: all of them, or the (n,) candidates; returns (B, n)."""
        target = rows_of(self.entities, tails) - rows_of(self.relations, relations)
        return -distances(target, self._entities(candidates), self.config.norm)

    def score_relations(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Score every relation between (B,) pairs; returns (B, n_relations)."""
        target = rows_of(self.entities, tails) - rows_of(self.entities, heads)
        return -distances(target, self.relations, self.config.norm)

    def constrain_(self) -> None:
        """Keep entities and relations inside the unit ball; to be called after each optimiser step."""
        keep_in_unit_ball_(self.entities.data)
        keep_in_unit_ball_(self.relations.data)

    def _entities(self, candidates: Tensor | None) -> Tensor:
        return self.entities if candidates is None else rows_of(self.entities, candidates)
