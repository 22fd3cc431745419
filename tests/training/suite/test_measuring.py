"""Figures by relation category, from ranks that were worked out by hand."""

import numpy as np
import pytest

from tests.training.planted import rows
from training.evaluation.completion import CompletionResult
from training.suite.measuring import by_category

# Relation 0 is 1-1: two heads, two tails, two facts. Relation 1 is N-1: three heads meet in one tail.
# Relation 2 has facts, but none of them is ranked.
EVERYTHING = rows((0, 0, 1), (2, 0, 3), (0, 1, 4), (1, 1, 4), (2, 1, 4), (0, 2, 1), (0, 2, 3))
RANKED = rows((0, 0, 1), (0, 1, 4), (1, 1, 4))


def result() -> CompletionResult:
    heads, tails = np.array([1.0, 11.0, 4.0]), np.array([20.0, 2.0, 10.0])
    return CompletionResult(RANKED, heads, tails, heads, tails)


def test_heads_and_tails_are_counted_apart_for_each_category() -> None:
    found = by_category(result(), EVERYTHING, n_relations=3, first_rank=1)
    assert list(found) == ["1-1", "N-1"]
    assert found["1-1"]["head"] == {"hits": 1.0, "mean_rank": 1.0, "mrr": 1.0, "triples": 1.0}
    assert found["1-1"]["tail"] == {"hits": 0.0, "mean_rank": 20.0, "mrr": 0.05, "triples": 1.0}
    # Ranks 11 and 4: one of two within ten, mean 7.5, (1/11 + 1/4) / 2 = 15/88.
    assert found["N-1"]["head"] == {
        "hits": 0.5,
        "mean_rank": 7.5,
        "mrr": pytest.approx(15 / 88),
        "triples": 2.0,
    }
    assert found["N-1"]["tail"]["hits"] == 1.0  # ranks 2 and 10


def test_the_mean_rank_counts_from_the_first_rank_of_the_protocol() -> None:
    found = by_category(result(), EVERYTHING, n_relations=3, first_rank=0)
    assert found["N-1"]["head"]["mean_rank"] == 6.5
    assert found["N-1"]["head"]["hits"] == 0.5
