"""TransR: each relation translates in a space of its own, reached by its matrix.

    f(h, r, t) = | M_r h + r - M_r t |,   M_r is d x d, the identity at first

Source: Lin et al., AAAI 2015, with relation vectors of the same size d as entities. Scores are -f: higher is better.
With M_r = I it is TransE, which is why a trained TransE is a good start (training/warm_start.py).
"""

from dataclasses import dataclass

import torch
from torch import Generator, nn

from models.geometry import Norm, keep_in_ball_, keep_in_unit_ball_, unit_rows
from models.interface import Sizes
from models.translation import FactScoring, MappedFacts


@dataclass(frozen=True)
class TransRConfig:
    """Settings of TransR."""

    embedding_size: int = 100
    norm: Norm = "l1"


class TransR(FactScoring, nn.Module):
    """Entities (n_entities, d), relations (n_relations, d) and relation matrices (n_relations, d, d)."""

    def __init__(self, config: TransRConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        d = config.embedding_size
        self.entities = nn.Parameter(unit_rows(self.n_entities, d, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, d, generator))
        self.relation_matrices = nn.Parameter(torch.eye(d).repeat(self.n_relations, 1, 1))

    @property
    def facts(self) -> MappedFacts:
        """The equation over this model's tables."""
        return MappedFacts(self.entities, self.relations, self.relation_matrices, self.config.norm)

    def constrain_(self) -> None:
        """Keep entities and relations in the unit ball, matrices no longer (Frobenius) than the identity."""
        keep_in_unit_ball_(self.entities.data)
        keep_in_unit_ball_(self.relations.data)
        keep_in_ball_(self.relation_matrices.data.flatten(1), self.config.embedding_size**0.5)
