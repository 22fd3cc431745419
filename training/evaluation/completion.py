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

from models.retrieval.answers import GIVEN, Answers, Rows
from models.retrieval.roles import SIDES, Side
from training.evaluation.rank_metrics import summary

Category = Literal["1-1", "1-N", "N-1", "N-N"]
Ranks = NDArray[np.float64]

CHUNK_ELEMENTS = 1 << 20
"""Scores of a chunk: 4 MiB of float32, which the model's temporaries stay near the processor with."""


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
    chunk_elements: int = CHUNK_ELEMENTS,
) -> CompletionResult:
    """Rank (n, 3) triples against all entities, filtered by (m, 3) known ones.

    Memory: about `chunk_elements` scores at a time, and what the model needs to make them.

    Raises:
        ValueError: there are no triples.
        FloatingPointError: a score is not a number.
    """
    if len(triples) == 0:
        raise ValueError("there are no triples to rank")
    answers, size = Answers(known, model.n_relations), max(1, chunk_elements // max(1, model.n_entities))
    of_heads, of_tails = (_side(_scorer(model, side, device), side, triples, answers, size) for side in SIDES)
    return CompletionResult(triples, of_heads[0], of_tails[0], of_heads[1], of_tails[1])


def _scorer(model: Any, side: Side, device: torch.device | str) -> Callable[[Rows], NDArray[np.floating[Any]]]:
    """Give a function from (B, 2) given entities and relations to (B, n_entities) scores of that side."""

    @torch.no_grad()
    def score(queries: Rows) -> NDArray[np.floating[Any]]:
        given, relations = torch.from_numpy(queries).to(device).unbind(1)
        scores = model.score_tails(given, relations) if side == "tail" else model.score_heads(relations, given)
        # Infinite scores of both signs make a sum that is no number too: looked at again, they are none.
        if bool(torch.isnan(scores.sum(1)).any()) and bool(torch.isnan(scores).any()):
            raise FloatingPointError("a score of the completion task is not a number")
        found: NDArray[np.floating[Any]] = scores.cpu().numpy()
        return found

    return score


def _side(
    score: Callable[[Rows], NDArray[np.floating[Any]]], side: Side, triples: Rows, answers: Answers, size: int
) -> tuple[Ranks, Ranks]:
    """Give filtered and raw ranks of the (n, 3) triples' entities on one side.

    Triples that ask the same are scored once, `size` queries at a time.
    """
    ranks, raw_ranks = np.empty(len(triples)), np.empty(len(triples))
    given, true = triples[:, GIVEN[side]], triples[:, 2 - GIVEN[side]]
    order = np.lexsort((triples[:, 1], given))
    asked = np.stack([given, triples[:, 1]], axis=1)[order]
    starts = np.flatnonzero(np.r_[True, (asked[1:] != asked[:-1]).any(axis=1)])
    ends = np.r_[starts[1:], len(asked)]
    for first in range(0, len(starts), size):
        queries = asked[starts[first : first + size]]
        scores, (positions, facts) = score(queries), answers.pairs_of(side, queries)
        edges = np.searchsorted(positions, np.arange(len(queries) + 1))
        for k in range(len(queries)):
            known = facts[edges[k] : edges[k + 1]]
            for row in order[starts[first + k] : ends[first + k]]:
                ranks[row], raw_ranks[row] = _ranks(scores[k], int(true[row]), known)
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


def _ranks(scores: NDArray[np.floating[Any]], true: int, known: Rows) -> tuple[float, float]:
    """Give filtered and raw rank of the true column among (n_entities,) scores, ties at their mean.

    `known` are the columns of facts, the true one among them or not.
    """
    own = scores[true]
    raw = _places(scores, own) + 0.5
    others = _places(scores[known], own) - 0.5 * np.count_nonzero(known == true)
    return raw - others, raw


def _places(scores: NDArray[np.floating[Any]], own: Any) -> float:
    """Count the scores above `own`, and half of those equal to it; counting a mask is what numpy does fastest."""
    return 0.5 * (int(np.count_nonzero(scores > own)) + int(np.count_nonzero(scores >= own)))
