"""A model that is a table: the score of (h, r, t) is scores[r, h, t]."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.vocabulary import Vocabulary
from tests.training.planted import catalogue
from training.data.indexed import IndexedDataset


class ScoreTable:
    """Scores from an (n_relations, n_entities, n_entities) array."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self.n_relations, self.n_entities = scores.shape[:2]
        self._scores = torch.from_numpy(scores)

    def score_tails(self, heads: Tensor, relations: Tensor) -> Tensor:
        return self._scores[relations, heads]

    def score_heads(self, relations: Tensor, tails: Tensor) -> Tensor:
        return self._scores[relations, :, tails]


def graph(n_entities: int, n_relations: int, **triples: NDArray[np.int64]) -> IndexedDataset:
    """Give a data set of nothing but (n, 3) triples by split; splits not named are empty."""
    empty = catalogue(0, 0)
    return IndexedDataset(
        **{
            **vars(empty),
            "entities": Vocabulary(f"e{k}" for k in range(n_entities)),
            "relations": Vocabulary(f"r{k}" for k in range(n_relations)),
            "triples": {**empty.triples, **triples},
        }
    )
