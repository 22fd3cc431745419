"""Measure a checkpoint on validation and test, both tasks, and each test user apart."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.indexed import IndexedDataset
from training.evaluation.completion import Category, CompletionResult, evaluate_completion, relation_categories
from training.evaluation.protocol import Protocol, Split
from training.evaluation.rank_metrics import summary
from training.evaluation.recommendation import RecommendationResult, evaluate_recommendation
from training.suite.result import Metrics, Side, SplitMetrics

TOP_N = 10
Users = dict[str, NDArray[Any]]


def measure(
    model: Any, dataset: IndexedDataset, split: Split, protocol: Protocol, device: torch.device
) -> tuple[SplitMetrics, Users | None]:
    """Evaluate what the model can do; the second part has (B,) values for the users of the split.

    All triples of the split are ranked (during training only some of validation are).

    Raises:
        FloatingPointError: a score is not a number.
    """
    recommendation, users = None, None
    if hasattr(model, "score_items") and len(dataset.interactions[split]):
        found = evaluate_recommendation(model, dataset, split, protocol, TOP_N, device)
        recommendation, users = found.means(), _users(found, dataset)
    completion, categories = None, None
    if hasattr(model, "score_triples") and len(dataset.triples[split]):
        everything = np.concatenate(list(dataset.triples.values()))
        ranks = evaluate_completion(model, dataset.triples[split], dataset.settled, device)
        completion = ranks.means(TOP_N, protocol.first_rank)
        categories = by_category(ranks, everything, len(dataset.relations), protocol.first_rank)
    return SplitMetrics(recommendation=recommendation, completion=completion, completion_by_category=categories), users


def by_category(
    ranks: CompletionResult, everything: NDArray[np.int64], n_relations: int, first_rank: int
) -> dict[Category, dict[Side, Metrics]]:
    """Summarise the ranks of heads and of tails for each relation category that has ranked triples.

    The categories are those of `everything`, the (m, 3) triples of all splits.
    """
    categories = relation_categories(everything, n_relations)
    of_triples = np.array([categories[int(relation)] for relation in ranks.triples[:, 1]])
    sides: dict[Side, NDArray[np.float64]] = {"head": ranks.head_ranks, "tail": ranks.tail_ranks}
    return {
        category: {side: _summary(values[of_triples == category], first_rank) for side, values in sides.items()}
        for category in sorted(set(categories.values()))
        if (of_triples == category).any()
    }


def _summary(ranks: NDArray[np.float64], first_rank: int) -> Metrics:
    found = dict(summary(ranks, TOP_N))
    return {**found, "mean_rank": found["mean_rank"] + first_rank - 1, "triples": float(len(ranks))}


def _users(found: RecommendationResult, dataset: IndexedDataset) -> Users:
    """Give id, number of training interactions and each metric for the (B,) users that were evaluated."""
    counts = np.bincount(dataset.interactions["train"][:, 0], minlength=len(dataset.users))
    metrics = {name: values for name, values in found.values.items() if name not in ("ndcg", "ndcg_of_retrieved")}
    return {
        "users": np.array([dataset.users.id(int(row)) for row in found.users]),
        "train_interactions": counts[found.users],
        **metrics,
        "ndcg": found.values[found.ndcg],
    }
