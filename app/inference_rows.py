"""Between external ids and the rows of a release: what both files that reach models/ from the service need."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from app.ports import PreferenceWeight, ScoredItem
from models.retrieval.search import Ranking
from models.vocabulary import Vocabulary


def known_rows(vocabulary: Vocabulary, ids: Collection[str]) -> NDArray[np.int64]:
    """Give the sorted rows of the ids that the release knows, each once."""
    known = [row for external_id in ids if (row := vocabulary.get(external_id)) is not None]
    return np.unique(np.array(known, dtype=np.int64))


def scored_items(items: Vocabulary, ranking: Ranking) -> list[ScoredItem]:
    """Give a ranking by external ids."""
    pairs = zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
    return [ScoredItem(items.id(row), score) for row, score in pairs]


def preference_weights(relations: Vocabulary, weights: NDArray[np.float64]) -> list[PreferenceWeight]:
    """Give (P,) weights by relation, the heaviest first, each with its share of their sum."""
    sizes = np.abs(weights)
    shares, order = sizes / (sizes.sum() or 1.0), np.argsort(-sizes, kind="stable").tolist()
    return [PreferenceWeight(relations.id(k), float(weights[k]), float(shares[k])) for k in order]
