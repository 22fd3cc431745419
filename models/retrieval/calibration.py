"""How probable a missing fact is: a logistic curve over what the model says of the candidates of a query.

    l(e)  = s y(e) - log sum exp s y(e')         over e' that are not stored and of the same kind as e
    x     = (log(n / N), 0) where n of the N stored facts answer the query; (0, 1) where none does
    b     = exp(c_r + v . x)
    P(e)  = sigma(a_r + b l(e) + u . x)                                              (Platt, 1999)

y are the scores, s the sharpness under which they were trained. The kinds are the entities that training saw in that
role of that relation, and all others; each has a curve for heads and one for tails. The slope b is positive: among
candidates of one kind, order by probability is order by score. Curves are fitted in training/evaluation/calibration.py.

What P means: the share of such candidates that are facts, where the graph lacks as many of its facts, drawn at random,
as the last held-out split has. A query without any stored answer is taken to have one that is missing; of any other
nothing is assumed. What stands in no split counts as false, so P is a lower bound where the source itself has gaps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.retrieval.answers import Answers, Rows
from models.retrieval.roles import SIDES, Side

Kind = tuple[Side, bool]
"""The side asked for, and whether the candidate was seen in that role."""

KINDS: tuple[Kind, ...] = tuple(product(SIDES, (True, False)))


@dataclass(frozen=True)
class Curve:
    """The parameters of one kind, float64: `offsets` a, `log_slopes` c (n_relations,); `levels` u, `tilts` v (2,)."""

    offsets: Tensor
    log_slopes: Tensor
    levels: Tensor
    tilts: Tensor

    def logits(self, log_softmax: Tensor, relations: Tensor, states: Tensor) -> Tensor:
        """Give a_r + b l + u . x for (n,) candidates; `states` x is (n, 2); differentiable; returns (n,)."""
        slopes = torch.exp(self.log_slopes.index_select(0, relations) + states @ self.tilts)
        return self.offsets.index_select(0, relations) + slopes * log_softmax + states @ self.levels


@dataclass(frozen=True)
class Calibration:
    """Curves for each kind of candidate, and the stored facts that the queries are seen against."""

    sharpness: float
    stored: Answers
    curves: Mapping[Kind, Curve]

    def probabilities(
        self, side: Side, given: int, relation: int, scores: NDArray[np.float64], typed: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Give P of every entity as the answer of one query, from all its (n_entities,) scores.

        `typed` tells which entities were seen in that role. NaN where the fact is stored here already, since the
        model was taught that it is true, and where the score is not finite. Nothing depends on how many are asked for.
        """
        query = np.array([[given, relation]], dtype=np.int64)
        sharp = torch.from_numpy(np.where(np.isfinite(scores), self.sharpness * scores, -np.inf))
        sharp[torch.from_numpy(self.stored.pairs_of(side, query)[1])] = -torch.inf
        seen = torch.from_numpy(typed)
        logs = log_softmax_by_kind(sharp.unsqueeze(0), seen.unsqueeze(0))[0]
        relations, states = torch.full_like(seen, relation, dtype=torch.int64), states_of(self.stored, side, query)
        states = states.expand(len(logs), 2)
        of_typed, of_others = (self.curves[side, k].logits(logs, relations, states) for k in (True, False))
        logits = torch.where(seen, of_typed, of_others)
        probabilities: NDArray[np.float64] = torch.where(logs.isneginf(), torch.nan, logits.sigmoid()).numpy()
        return probabilities

    def tensors(self) -> dict[str, Tensor]:
        """Give all of it as tensors by name, to be stored."""
        stored = {"sharpness": torch.tensor([self.sharpness], dtype=torch.float64), "stored": self.stored.tensor()}
        for kind, curve in self.curves.items():
            stored.update({f"{_name(kind)}.{name}": tensor.contiguous() for name, tensor in vars(curve).items()})
        return stored

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor], n_entities: int, n_relations: int) -> "Calibration":
        """Read what `tensors` gave.

        Raises:
            KeyError: a part is missing.
            ValueError: a part has another shape, is not finite, or names a row outside the vocabularies.
        """
        shapes = {"offsets": (n_relations,), "log_slopes": (n_relations,), "levels": (2,), "tilts": (2,)}
        curves = {
            kind: Curve(**{name: _sound(tensors, f"{_name(kind)}.{name}", shape) for name, shape in shapes.items()})
            for kind in KINDS
        }
        triples = tensors["stored"].numpy()
        limits = np.array([n_entities, n_relations, n_entities])
        if triples.ndim != 2 or triples.shape[1] != 3 or bool(((triples < 0) | (triples >= limits)).any()):
            raise ValueError("the stored facts of the calibration are no rows of the vocabularies")
        sharpness = float(_sound(tensors, "sharpness", (1,)))
        if sharpness <= 0:
            raise ValueError("the sharpness of the calibration is not above 0")
        return cls(sharpness, Answers(triples, n_relations), curves)


def log_softmax_by_kind(scores: Tensor, typed: Tensor) -> Tensor:
    """Give l of (B, n) sharpened scores, each against those of its row with the same `typed`; -inf is no candidate."""
    of_typed, of_others = (scores.masked_fill(kind, -torch.inf).logsumexp(1, keepdim=True) for kind in (~typed, typed))
    return torch.where(scores.isneginf(), scores, scores - torch.where(typed, of_typed, of_others))


def states_of(stored: Answers, side: Side, queries: Rows) -> Tensor:
    """Give x of (B, 2) queries against the stored facts; returns (B, 2) float64."""
    counts = stored.counts(side, queries)
    shares = np.log(np.maximum(counts, 1) / max(1, len(stored)))
    return torch.from_numpy(np.stack([np.where(counts > 0, shares, 0.0), counts == 0], axis=1).astype(np.float64))


def _name(kind: Kind) -> str:
    return f"{kind[0]}.{'typed' if kind[1] else 'untyped'}"


def _sound(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    tensor = tensors[name]
    if tuple(tensor.shape) != shape or tensor.dtype != torch.float64 or not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"{name!r} of the calibration is not {shape} finite float64 numbers")
    return tensor
