"""Between external ids and the rows of a release: what both files that reach models/ from the service need."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from app.ports import PreferenceWeight, ScoredItem
from models.retrieval.search import Ranking
from models.vocabulary import Vocabulary


def known_rows(vocabulary: Vocabulary, ids: Collection[str]) -> NDArray[np.int64]:
    """Give the sorted rows of the ids that the release knows, each once."""
    return np.unique(vocabulary.known_rows(ids))


def scored_items(items: Vocabulary, ranking: Ranking) -> list[ScoredItem]:
    """Give a ranking by external ids."""
    pairs = zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
    return [ScoredItem(items.id(row), score) for row, score in pairs]


def preference_weights(relations: Vocabulary, weights: NDArray[np.float64]) -> list[list[PreferenceWeight]]:
    """Give each of (B, P) weights by relation, the heaviest first, each with its share of their sum."""
    sizes, names = np.abs(weights), relations.ids
    totals = sizes.sum(axis=1, keepdims=True)
    shares, order = sizes / np.where(totals == 0.0, 1.0, totals), np.argsort(-sizes, axis=1, kind="stable")
    columns = (order, np.take_along_axis(weights, order, 1), np.take_along_axis(shares, order, 1))
    return [
        [PreferenceWeight(names[k], weight, share) for k, weight, share in zip(*row, strict=True)]
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
