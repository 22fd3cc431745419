"""Top-N recommendation of one split: every item is ranked but those of other splits that the protocol leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.retrieval.ranking import RowLists, top_n
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import Protocol, Split
from training.evaluation.ranking_metrics import hits_of, per_user


@dataclass(frozen=True)
class RecommendationResult:
    """Each metric for each user that has rows in the split; `users` (B,) are their rows."""

    users: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    top_n: int
    ndcg: str

    @classmethod
    def joined(cls, parts: Sequence["RecommendationResult"]) -> "RecommendationResult":
        """Put together what was measured of different users, in the order of the parts, of which there is one."""
        values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
        return cls(np.concatenate([part.users for part in parts]), values, parts[0].top_n, parts[0].ndcg)

    def means(self) -> dict[str, float]:
        """Average over users; `ndcg` is the protocol's own."""
        means = {name: float(values.mean()) for name, values in self.values.items()}
        chosen = means[self.ndcg]
        means.pop("ndcg_of_retrieved")
        return {**means, "ndcg": chosen, "users": float(len(self.users))}


def evaluate_recommendation(
    model: Any, dataset: IndexedDataset, split: Split, protocol: Protocol, n: int, device: torch.device | str
) -> RecommendationResult:
    """Rank for every user with rows in the split.

    Raises:
        ValueError: the split has no rows.
        FloatingPointError: a score is not a number.
    """
    relevant = RowLists.of_pairs(dataset.interactions[split], len(dataset.users))
    users = np.flatnonzero(np.diff(relevant.starts)).astype(np.int64)
    if len(users) == 0:
        raise ValueError(f"the split {split!r} has no interactions to evaluate on")
    excluded = np.concatenate([dataset.interactions[other] for other in protocol.excluded[split]])
    ranked = top_n(model, users, n, RowLists.of_pairs(excluded, len(dataset.users)), device)
    return score_lists(ranked, users, relevant, n, protocol)


def score_lists(
    ranked: NDArray[np.int64], users: NDArray[np.int64], relevant: RowLists, n: int, protocol: Protocol
) -> RecommendationResult:
    """Score (B, <= n) ranked lists, -1 where empty, against the relevant items of the (B,) users."""
    counts = relevant.starts[users + 1] - relevant.starts[users]
    _, columns = relevant.pairs_of(users)
    hits = hits_of(ranked, np.concatenate([[0], np.cumsum(counts)]), columns)
    return RecommendationResult(users, per_user(hits, counts, n), n, protocol.ndcg)


def most_popular(dataset: IndexedDataset, split: Split, protocol: Protocol, n: int) -> RecommendationResult:
    """Evaluate the list of most popular training items, the baseline that a model must beat."""
    return evaluate_recommendation(MostPopular(dataset), dataset, split, protocol, n, "cpu")


class MostPopular:
    """Scores an item by its number of training users, for everyone alike."""

    def __init__(self, dataset: IndexedDataset) -> None:
        self.n_users, self.n_items = len(dataset.users), len(dataset.items)
        counts = np.bincount(dataset.interactions["train"][:, 1], minlength=self.n_items)
        self._scores = torch.from_numpy(counts).to(torch.float32)

    def score_items(self, users: torch.Tensor) -> torch.Tensor:
        """Score every item for (B,) user rows; returns (B, n_items)."""
        return self._scores.repeat(len(users), 1)
