"""Knowledge-graph completion: rank every entity as head and as tail of each triple, other known facts left out.

"Filtered" setting of Bordes et al., NIPS 2013: the known facts are those of train, valid and test, on each side apart;
the triple in question stays in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.geometry import GRID_ELEMENTS
from models.retrieval.ranking import RowLists
from training.evaluation.rank_metrics import summary

Category = Literal["1-1", "1-N", "N-1", "N-N"]


@dataclass(frozen=True)
class CompletionResult:
    """Ranks of (n, 3) triples from 1: (n,) as heads and as tails; filtered, and raw."""

    triples: NDArray[np.int64]
    head_ranks: NDArray[np.float64]
    tail_ranks: NDArray[np.float64]
    raw_head_ranks: NDArray[np.float64]
    raw_tail_ranks: NDArray[np.float64]

    def means(self, top_n: int, first_rank: int = 1) -> dict[str, float]:
        """Pool both sides, filtered; `first_rank` 0 states the mean rank as the paper counts it."""
        pooled = dict(summary(np.concatenate([self.head_ranks, self.tail_ranks]), top_n))
        pooled["mean_rank"] += first_rank - 1
        return {**pooled, "triples": float(len(self.triples))}


def evaluate_completion(
    model: Any,
    triples: NDArray[np.int64],
    known: NDArray[np.int64],
    device: torch.device | str,
    chunk_elements: int = GRID_ELEMENTS,
) -> CompletionResult:
    """Rank (n, 3) triples against all entities, filtered by (m, 3) known ones.

    Memory: about `chunk_elements` scores at a time.

    Raises:
        ValueError: there are no triples.
        FloatingPointError: a score is not a number.
    """
    if len(triples) == 0:
        raise ValueError("there are no triples to rank")
    n_relations, n_entities = model.n_relations, model.n_entities
    tails_of = RowLists.of_pairs(_keyed(known, 0, 2, n_relations), n_entities * n_relations)
    heads_of = RowLists.of_pairs(_keyed(known, 2, 0, n_relations), n_entities * n_relations)
    size = max(1, chunk_elements // max(1, n_entities))
    parts = []
    for start in range(0, len(triples), size):
        part = triples[start : start + size]
        h, r, t = torch.from_numpy(part).to(device).unbind(1)
        with torch.no_grad():
            of_tails = _ranks(model.score_tails(h, r), t, tails_of, part[:, 0] * n_relations + part[:, 1])
            of_heads = _ranks(model.score_heads(r, t), h, heads_of, part[:, 2] * n_relations + part[:, 1])
        parts.append((*of_heads, *of_tails))
    heads, raw_heads, tails, raw_tails = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return CompletionResult(triples, heads, tails, raw_heads, raw_tails)


def relation_categories(triples: NDArray[np.int64], n_relations: int) -> dict[int, Category]:
    """Sort relations by mean tails per head and heads per tail, "N" from 1.5 on, over the distinct triples."""
    categories: dict[int, Category] = {}
    distinct = np.unique(triples, axis=0)
    for relation in range(n_relations):
        facts = distinct[distinct[:, 1] == relation]
        if len(facts):
            many_tails = len(facts) / len(np.unique(facts[:, 0])) >= 1.5
            many_heads = len(facts) / len(np.unique(facts[:, 2])) >= 1.5
            categories[relation] = _CATEGORY[many_heads, many_tails]
    return categories


_CATEGORY: Mapping[tuple[bool, bool], Category] = {
    (False, False): "1-1",
    (False, True): "1-N",
    (True, False): "N-1",
    (True, True): "N-N",
}


def _keyed(triples: NDArray[np.int64], given: int, asked: int, n_relations: int) -> NDArray[np.int64]:
    return np.stack([triples[:, given] * n_relations + triples[:, 1], triples[:, asked]], axis=1)


def _ranks(
    scores: Tensor, true: Tensor, known: RowLists, keys: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give filtered and raw ranks of the (B,) true columns among (B, n_entities) scores, ties at their mean."""
    if bool(torch.isnan(scores).any()):
        raise FloatingPointError("a score of the completion task is not a number")
    own = scores.gather(1, true.unsqueeze(1))
    greater = (scores > own).sum(1).to(torch.float64)
    equal = (scores == own).sum(1).to(torch.float64) - 1
    raw = 1 + greater + equal / 2
    positions, columns = (torch.from_numpy(a).to(scores.device) for a in known.pairs_of(keys))
    others = columns != true[positions]
    positions, columns = positions[others], columns[others]
    of_known, reference = scores[positions, columns], own[positions, 0]
    weight = (of_known > reference).to(torch.float64) + (of_known == reference).to(torch.float64) / 2
    filtered = raw.index_add(0, positions, -weight)
    return filtered.cpu().numpy(), raw.cpu().numpy()
