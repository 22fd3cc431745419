"""TransE: a relation carries its head to its tail.

    f(h, r, t) = | h + r - t |

Source: Bordes et al., NIPS 2013; eq. (1) of Cao et al., WWW 2019. Scores are -f: higher is better.
"""

from dataclasses import dataclass

from torch import Generator, nn

from models.geometry import Norm, keep_in_unit_ball_, unit_rows
from models.interface import Sizes
from models.translation import FactScoring, PlainFacts


@dataclass(frozen=True)
class TransEConfig:
    """Settings of TransE."""

    embedding_size: int = 100
    norm: Norm = "l1"


class TransE(FactScoring, nn.Module):
    """Entities (n_entities, d) and relations (n_relations, d)."""

    def __init__(self, config: TransEConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_entities, self.n_relations = sizes.n_entities, sizes.n_relations
        self.entities = nn.Parameter(unit_rows(self.n_entities, config.embedding_size, generator))
        self.relations = nn.Parameter(unit_rows(self.n_relations, config.embedding_size, generator))

    @property
    def facts(self) -> PlainFacts:
        """The equation over this model's tables."""
        return PlainFacts(self.entities, self.relations, self.config.norm)

    def constrain_(self) -> None:
        """Keep entities and relations inside the unit ball; to be called after each optimiser step."""
        keep_in_unit_ball_(self.entities.data)
        keep_in_unit_ball_(self.relations.data)
