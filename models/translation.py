"""Facts as translations on the hyperplanes of their relations: the equation that TransH and KTUP share.

    f(h, r, t) = | h_perp + r - t_perp |,   x_perp = x - (w_r . x) w_r

Source: Wang et al., AAAI 2014; eqs. (2), (3) of Cao et al., WWW 2019.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.geometry import GRID_ELEMENTS, Norm, hyperplane_distances, length, project, rows_of


@dataclass(frozen=True)
class FactSpace:
    """Tables of entities (n_entities, d), relations and their normals (n_relations, d)."""

    entities: Tensor
    relations: Tensor
    normals: Tensor
    norm: Norm

    def triple_distances(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Measure f literally for (B,) triples; returns (B,)."""
        w = rows_of(self.normals, relations)
        h, t = project(rows_of(self.entities, heads), w), project(rows_of(self.entities, tails), w)
        return length(h + rows_of(self.relations, relations) - t, self.norm)

    def tail_distances(self, heads: Tensor, relations: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as tails of (B,) queries; returns (B, n)."""
        w = rows_of(self.normals, relations)
        target = project(rows_of(self.entities, heads), w) + rows_of(self.relations, relations)
        return hyperplane_distances(target, w, self._pick(candidates), self.norm)

    def head_distances(self, relations: Tensor, tails: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as heads of (B,) queries; returns (B, n)."""
        w = rows_of(self.normals, relations)
        target = project(rows_of(self.entities, tails), w) - rows_of(self.relations, relations)
        return hyperplane_distances(target, w, self._pick(candidates), self.norm)

    def relation_distances(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Measure f for every relation between (B,) pairs, in pieces of GRID_ELEMENTS; returns (B, n_relations)."""
        delta = rows_of(self.entities, heads) - rows_of(self.entities, tails)
        size = max(1, GRID_ELEMENTS // max(1, self.relations.numel()))
        pieces = [
            length(project(part.unsqueeze(1), self.normals) + self.relations, self.norm)
            for part in torch.split(delta, size)
        ]
        return torch.cat(pieces)

    def _pick(self, candidates: Tensor | None) -> Tensor:
        return self.entities if candidates is None else rows_of(self.entities, candidates)
