"""TransH: each relation translates on a hyperplane of its own.

    f(h, r, t) = | h_perp + r - t_perp |,   x_perp = x - (w_r . x) w_r,   |w_r| = 1

Source: Wang et al., AAAI 2014; eqs. (2), (3) of Cao et al., WWW 2019. Scores are -f: higher is better.
"""

from dataclasses import dataclass

from torch import Generator, nn

from models.geometry import Norm, keep_in_unit_ball_, keep_on_unit_sphere_, unit_rows
from models.interface import Sizes
from models.translation import FactScoring, HyperplaneFacts


@dataclass(frozen=True)
class TransHConfig:
    """Settings of TransH."""

    embedding_size: int = 100
    norm: Norm = "l1"


class TransH(FactScoring, nn.Module):
    """Entities (n_entities, d), relations and relation normals (n_relations, d)."""

    def __init__(self, config: TransHConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        self.entities = nn.Parameter(unit_rows(self.n_entities, config.embedding_size, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, config.embedding_size, generator))
        self.relation_normals = nn.Parameter(unit_rows(self.n_relations, config.embedding_size, generator))

    @property
    def facts(self) -> HyperplaneFacts:
        """The equation over this model's tables."""
        return HyperplaneFacts(self.entities, self.relations, self.relation_normals, self.config.norm)

    def constrain_(self) -> None:
        """Keep entities and relations inside the unit ball, normals at length 1; to be called after each step."""
        keep_in_unit_ball_(self.entities.data)
        keep_in_unit_ball_(self.relations.data)
        keep_on_unit_sphere_(self.relation_normals.data)
