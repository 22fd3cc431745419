"""Knowledge-graph completion: rank every entity as head and as tail of each triple, other known facts left out.

"Filtered" setting of Bordes et al., NIPS 2013: the known facts are those of train, valid and test, on each side apart;
the triple in question stays in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.geometry import GRID_ELEMENTS
from models.retrieval.answers import Answers
from models.retrieval.roles import Side
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

    Memory: about 2 x `chunk_elements` scores at a time.

    Raises:
        ValueError: there are no triples.
        FloatingPointError: a score is not a number.
    """
    if len(triples) == 0:
        raise ValueError("there are no triples to rank")
    heads, relations, tails = (torch.from_numpy(np.ascontiguousarray(column)).to(device) for column in triples.T)
    n, size = model.n_relations, max(1, chunk_elements // max(1, model.n_entities))
    answers = Answers(known, n)
    of_heads = _side(model.score_heads, (relations, tails), heads, tails * n + relations, "head", answers, size)
    of_tails = _side(model.score_tails, (heads, relations), tails, heads * n + relations, "tail", answers, size)
    return CompletionResult(triples, of_heads[0], of_tails[0], of_heads[1], of_tails[1])


def _side(
    score: Callable[[Tensor, Tensor], Tensor],
    query: tuple[Tensor, Tensor],
    true: Tensor,
    keys: Tensor,
    side: Side,
    answers: Answers,
    size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give filtered and raw ranks of the (B,) true entities; triples that ask the same are scored once.

    `keys` (B,) tell queries apart. At most 2 x `size` rows of scores are held at a time.
    """
    ranks, raw_ranks = np.empty(len(true)), np.empty(len(true))
    queries = torch.stack(query if side == "tail" else query[::-1], dim=1).cpu().numpy()
    order = torch.argsort(keys, stable=True)
    distinct, counts = torch.unique(keys, return_counts=True)  # ascending, as in `order`
    ends = counts.cumsum(0)
    first_of, row_of = order[ends - counts], torch.repeat_interleave(counts)
    for start in range(0, len(distinct), size):
        asked = slice(start, start + size)
        with torch.no_grad():
            scores = score(query[0][first_of[asked]], query[1][first_of[asked]])
        begin, end = int(ends[start] - counts[start]), int(ends[min(start + size, len(distinct)) - 1])
        for part in torch.split(torch.arange(begin, end, device=keys.device), size):
            rows = order[part].cpu().numpy()
            known = answers.pairs_of(side, queries[rows])
            ranks[rows], raw_ranks[rows] = _ranks(scores[row_of[part] - start], true[order[part]], known)
    return ranks, raw_ranks


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


def _ranks(
    scores: Tensor, true: Tensor, known: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give filtered and raw ranks of the (B,) true columns among (B, n_entities) scores, ties at their mean.

    `known` are the (row, column) pairs of facts.
    """
    if bool(torch.isnan(scores).any()):
        raise FloatingPointError("a score of the completion task is not a number")
    own = scores.gather(1, true.unsqueeze(1))
    greater = (scores > own).sum(1).to(torch.float64)
    equal = (scores == own).sum(1).to(torch.float64) - 1
    raw = 1 + greater + equal / 2
    positions, columns = (torch.from_numpy(a).to(scores.device) for a in known)
    others = columns != true[positions]
    positions, columns = positions[others], columns[others]
    of_known, reference = scores[positions, columns], own[positions, 0]
    weight = (of_known > reference).to(torch.float64) + (of_known == reference).to(torch.float64) / 2
    filtered = raw.index_add(0, positions, -weight)
    return filtered.cpu().numpy(), raw.cpu().numpy()
