import numpy as np
import pytest

from training.evaluation.rank_metrics import summary


def test_hits_mean_rank_and_mrr_of_three_ranks() -> None:
    # 1 and 4 lie within 10; (1 + 4 + 20) / 3; (1 + 1/4 + 1/20) / 3
    assert dict(summary(np.array([1.0, 4.0, 20.0]), top_n=10)) == pytest.approx(
        {"hits": 2 / 3, "mean_rank": 25 / 3, "mrr": 1.3 / 3}
    )


def test_rank_n_is_within_the_first_n() -> None:
    assert summary(np.array([10.0, 10.5]), top_n=10)["hits"] == 0.5


def test_no_ranks_have_no_summary() -> None:
    with pytest.raises(ValueError, match="no ranks"):
        summary(np.array([]), top_n=10)
