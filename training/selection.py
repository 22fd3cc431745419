"""By what the best epoch of a run is chosen, on the validation split."""

import math
from collections.abc import Mapping

RANKING_METRICS = ("f1", "ndcg", "recall", "hit")
"""Of ranked items; those of ranked entities are hits and mrr."""

BOTH = "both"
"""The geometric mean of f1 and hits: a percent lost of one is made good by a percent won of the other."""


def needs(metric: str) -> tuple[bool, bool]:
    """Tell whether a metric needs interactions, and whether it needs triples, of the validation split."""
    return metric == BOTH or metric in RANKING_METRICS, metric == BOTH or metric not in RANKING_METRICS


def selected(metrics: Mapping[str, float], metric: str) -> float:
    """Give the number by which an epoch is chosen, in [0, 1]; higher is better.

    `metrics` are those of both tasks, as far as the metric needs them.
    """
    return math.sqrt(metrics["f1"] * metrics["hits"]) if metric == BOTH else metrics[metric]
