"""Facts as translations: three equations, each over the tables of whichever model holds them.

    TransE   f(h, r, t) = | h + r - t |                                              (1)
    TransH   f(h, r, t) = | h_perp + r - t_perp |,   x_perp = x - (w_r . x) w_r      (2, 3)
    TransR   f(h, r, t) = | M_r h + r - M_r t |

Sources: Bordes et al., NIPS 2013; Wang et al., AAAI 2014; Lin et al., AAAI 2015. Numbers: Cao et al., WWW 2019.
Each class measures f five ways; `candidates` None means every entity.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from models.geometry import (
    PIECE_ELEMENTS,
    Norm,
    distances,
    hyperplane_distances,
    length,
    project,
    rows_of,
    translated_length,
)


@dataclass(frozen=True)
class PlainFacts:
    """TransE over tables of entities (n_entities, d) and relations (n_relations, d)."""

    entities: Tensor
    relations: Tensor
    norm: Norm

    def triple_distances(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Measure f literally for (B,) triples; returns (B,)."""
        h, t = rows_of(self.entities, torch.stack([heads, tails])).unbind(0)
        return length(h - t + rows_of(self.relations, relations), self.norm)

    def tail_distances(self, heads: Tensor, relations: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as tails of (B,) queries; returns (B, n)."""
        target = rows_of(self.entities, heads) + rows_of(self.relations, relations)
        return distances(target, _pick(self.entities, candidates), self.norm)

    def head_distances(self, relations: Tensor, tails: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as heads of (B,) queries; returns (B, n)."""
        target = rows_of(self.entities, tails) - rows_of(self.relations, relations)
        return distances(target, _pick(self.entities, candidates), self.norm)

    def relation_distances(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Measure f for every relation between (B,) pairs; returns (B, n_relations)."""
        target = rows_of(self.entities, tails) - rows_of(self.entities, heads)
        return distances(target, self.relations, self.norm)


@dataclass(frozen=True)
class HyperplaneFacts:
    """TransH over tables of entities (n_entities, d), relations and their normals (n_relations, d)."""

    entities: Tensor
    relations: Tensor
    normals: Tensor
    norm: Norm

    def triple_distances(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Measure f for (B,) triples; returns (B,). Both ends are gathered at once, and projected as h - t."""
        h, t = rows_of(self.entities, torch.stack([heads, tails])).unbind(0)
        r, w = rows_of(self.relations, relations), rows_of(self.normals, relations)
        return translated_length(h - t, r, w, self.norm)

    def tail_distances(self, heads: Tensor, relations: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as tails of (B,) queries; returns (B, n)."""
        w = rows_of(self.normals, relations)
        target = project(rows_of(self.entities, heads), w) + rows_of(self.relations, relations)
        return hyperplane_distances(target, self.normals, relations, _pick(self.entities, candidates), self.norm)

    def head_distances(self, relations: Tensor, tails: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as heads of (B,) queries; returns (B, n)."""
        w = rows_of(self.normals, relations)
        target = project(rows_of(self.entities, tails), w) - rows_of(self.relations, relations)
        return hyperplane_distances(target, self.normals, relations, _pick(self.entities, candidates), self.norm)

    def relation_distances(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Measure f for every relation between (B,) pairs, in pieces of PIECE_ELEMENTS; returns (B, n_relations)."""
        delta = rows_of(self.entities, heads) - rows_of(self.entities, tails)
        size = max(1, PIECE_ELEMENTS // max(1, self.relations.numel()))
        pieces = [
            length(project(part.unsqueeze(1), self.normals) + self.relations, self.norm)
            for part in torch.split(delta, size)
        ]
        return torch.cat(pieces)


@dataclass(frozen=True)
class MappedFacts:
    """TransR over tables of entities (n_entities, d), relations (n_relations, d), matrices (n_relations, d, d).

    A batch is taken relation by relation: no d x d matrix is copied for each row, and entities are mapped for one
    relation at a time (training keeps what backward needs: the few shared candidates, once for each relation).
    """

    entities: Tensor
    relations: Tensor
    matrices: Tensor
    norm: Norm

    def triple_distances(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Measure f literally for (B,) triples; returns (B,)."""
        h, r, t = rows_of(self.entities, heads), rows_of(self.relations, relations), rows_of(self.entities, tails)
        return self._by_relation(relations, lambda m, h, r, t: length(h @ m.T + r - t @ m.T, self.norm), h, r, t)

    def tail_distances(self, heads: Tensor, relations: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as tails of (B,) queries; returns (B, n)."""
        h, r = rows_of(self.entities, heads), rows_of(self.relations, relations)
        points = _pick(self.entities, candidates)
        return self._by_relation(relations, lambda m, h, r: distances(h @ m.T + r, points @ m.T, self.norm), h, r)

    def head_distances(self, relations: Tensor, tails: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure f for every entity, or the (n,) candidates, as heads of (B,) queries; returns (B, n)."""
        t, r = rows_of(self.entities, tails), rows_of(self.relations, relations)
        points = _pick(self.entities, candidates)
        return self._by_relation(relations, lambda m, t, r: distances(t @ m.T - r, points @ m.T, self.norm), t, r)

    def relation_distances(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Measure f for every relation between (B,) pairs; returns (B, n_relations)."""
        h, t = rows_of(self.entities, heads), rows_of(self.entities, tails)
        columns = [length(h @ m.T + r - t @ m.T, self.norm) for m, r in zip(self.matrices, self.relations, strict=True)]
        return torch.stack(columns, dim=1)

    def _by_relation(self, relations: Tensor, measure: Callable[..., Tensor], *vectors: Tensor) -> Tensor:
        """Call `measure(M_r, *rows of (B, d) vectors)` for each relation of the batch; gives its rows in their order.

        The vectors are sorted by relation once: one gather each, not one for each relation, forward and backward.
        """
        order, matrices = relations.argsort(stable=True), self.matrices.unbind(0)
        present, counts = torch.unique(relations, return_counts=True)  # ascending, as in `order`
        if not len(relations):  # the part of a batch that falls to one of many processes may have no row
            return measure(matrices[0], *vectors)
        pieces = [torch.split(v.index_select(0, order), counts.tolist()) for v in vectors]
        measured = [measure(matrices[k], *rows) for k, *rows in zip(present.tolist(), *pieces, strict=True)]
        return torch.cat(measured).index_select(0, order.argsort())


def _pick(entities: Tensor, candidates: Tensor | None) -> Tensor:
    return entities if candidates is None else rows_of(entities, candidates)


class Facts(Protocol):
    """An equation of facts over tables: `FactSpace`, `PlainFacts` or `MappedFacts`."""

    def triple_distances(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Measure (B,) triples literally; returns (B,)."""
        ...

    def tail_distances(self, heads: Tensor, relations: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure every entity, or the (n,) candidates, as tails of (B,) queries; returns (B, n)."""
        ...

    def head_distances(self, relations: Tensor, tails: Tensor, candidates: Tensor | None) -> Tensor:
        """Measure every entity, or the (n,) candidates, as heads of (B,) queries; returns (B, n)."""
        ...

    def relation_distances(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Measure every relation between (B,) pairs; returns (B, n_relations)."""
        ...


class FactScoring(ABC):
    """The calls of a `TripleScorer` for a model that has `facts`: the one place where their distances are negated."""

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """The equation over this model's tables."""

    def score_triples(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Score (B,) triples: -f(h, r, t); returns (B,)."""
        return -self.facts.triple_distances(heads, relations, tails)

    def score_tails(self, heads: Tensor, relations: Tensor, candidates: Tensor | None = None) -> Tensor:
        """Score entities as tails of (B,) queries: all of them, or the (n,) candidates; returns (B, n)."""
        return -self.facts.tail_distances(heads, relations, candidates)

    def score_heads(self, relations: Tensor, tails: Tensor, candidates: Tensor | None = None) -> Tensor:
        """Score entities as heads of (B,) queries: all of them, or the (n,) candidates; returns (B, n)."""
        return -self.facts.head_distances(relations, tails, candidates)

    def score_relations(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Score every relation of the facts between (B,) pairs; returns (B, n_relations)."""
        return -self.facts.relation_distances(heads, tails)
