"""Outside baselines: EASE and the most popular by hand, how a setting is chosen, and the file that is written."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from benchmarks.baseline_report import BaselineReport, Figures, Row
from benchmarks.baselines import EASE_GRID, Baseline, BaselineName, app, baselines, measure, with_validation
from benchmarks.recommenders import ALS, EASE, Histories, ease_weights
from tests.training import planted
from tests.training.planted import catalogue, rows
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import PAPER, STRICT
from training.evaluation.recommendation import MostPopular, evaluate_recommendation, most_popular

needs_implicit = pytest.mark.skipif(find_spec("implicit") is None, reason="implicit is not installed (group bench)")

# Users 0, 1, 2 have {0, 1}, {1, 2}, {1}: G = [[1, 1, 0], [1, 3, 1], [0, 1, 1]].
THREE = catalogue(3, 3, train=rows((0, 0), (0, 1), (1, 1), (1, 2), (2, 1)))


def test_the_gram_matrix_counts_the_users_of_both_items() -> None:
    assert Histories(THREE).gram().tolist() == [[1, 1, 0], [1, 3, 1], [0, 1, 1]]


def test_ease_solves_three_items_as_by_hand() -> None:
    # lambda = 1: A = G + I = [[2, 1, 0], [1, 4, 1], [0, 1, 2]]; det A = 2 (8 - 1) - 1 (2 - 0) = 12.
    # Cofactors: P = 1/12 [[7, -2, 1], [-2, 4, -2], [1, -2, 7]]; B_ij = -P_ij / P_jj, column 0 is over -7/12, ...
    by_hand = [[0, 2 / 4, -1 / 7], [2 / 7, 0, 2 / 7], [-1 / 7, 2 / 4, 0]]
    assert EASE(THREE, 1.0).weights.numpy() == pytest.approx(np.array(by_hand), abs=1e-6)


def test_ease_scores_a_user_by_the_sum_of_the_rows_of_the_history() -> None:
    # User 0 has items 0 and 1: rows 0 and 1 of B, added up. User 2 has item 1 alone.
    scores = EASE(THREE, 1.0).score_items(torch.tensor([0, 2])).numpy()
    assert scores == pytest.approx(np.array([[2 / 7, 1 / 2, 1 / 7], [2 / 7, 0, 2 / 7]]), abs=1e-6)


def test_ease_is_where_its_objective_has_no_slope_but_on_the_diagonal() -> None:
    # min |X - XB|^2 + lambda |B|^2 with diag B = 0: the gradient G B - G + lambda B vanishes off the diagonal.
    x = (torch.rand(40, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) < 0.3).to(torch.float64)
    gram = x.T @ x
    b = ease_weights(gram, 3.0)
    slope = gram @ b - gram + 3.0 * b
    assert b.diagonal().abs().max() == 0
    assert (slope - torch.diag(slope.diagonal())).abs().max() < 1e-9


def test_ease_without_regularisation_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0, got 0"):
        EASE(THREE, 0)


def test_the_most_popular_are_scored_by_their_training_users_for_everyone() -> None:
    assert MostPopular(THREE).score_items(torch.tensor([2, 0])).tolist() == [[1, 3, 1], [1, 3, 1]]


@needs_implicit
def test_als_learns_the_planted_tastes(world: IndexedDataset) -> None:
    als = ALS(world, factors=8, regularization=1.0, alpha=8.0, iterations=15)
    popular = most_popular(world, "test", STRICT, 3).means()["f1"]
    assert evaluate_recommendation(als, world, "test", STRICT, 3, "cpu").means()["f1"] > 2 * popular


@needs_implicit
def test_als_of_one_seed_is_the_same_twice(world: IndexedDataset) -> None:
    settings: dict[str, Any] = {"factors": 4, "regularization": 1.0, "alpha": 2.0, "iterations": 3}
    users = torch.arange(5)
    first, second = (ALS(world, seed=3, **settings).score_items(users) for _ in range(2))
    assert torch.equal(first, second)


class Constant:
    """Ranks the items in one order for everyone: item `first` before the others."""

    def __init__(self, dataset: IndexedDataset, first: int) -> None:
        self.n_users, self.n_items = len(dataset.users), len(dataset.items)
        self._scores = -torch.arange(self.n_items, dtype=torch.float32)
        self._scores[first] = 1.0

    def score_items(self, users: Tensor) -> Tensor:
        return self._scores.repeat(len(users), 1)


def test_the_setting_is_chosen_on_validation_though_another_is_better_on_test() -> None:
    # 20 items. Item 15 is in valid, 16 in test; a list of ten holds items 0 to 9 but for the one that is put first.
    data = catalogue(1, 20, train=rows((0, 0)), valid=rows((0, 15)), test=rows((0, 16)))
    row, both = measure(Baseline("constant", Constant, [{"first": 16}, {"first": 15}]), data, STRICT)
    assert row.settings == {"first": 15}
    assert (row.valid and row.valid.recall, row.test.recall) == (1.0, 0.0)
    assert [point.valid.recall for point in row.grid] == [0.0, 1.0]
    assert (both.settings, both.valid, both.grid) == ({"first": 15}, None, ())


def test_what_follows_the_grid_changes_the_best_setting_so_far() -> None:
    data = catalogue(1, 20, train=rows((0, 0)), valid=rows((0, 15)), test=rows((0, 15)))

    def fit(dataset: IndexedDataset, first: int, unused: int) -> Constant:
        return Constant(dataset, first)

    changes = [{"first": 15}, {"unused": 1}, {"first": 3}]
    row, _ = measure(Baseline("constant", fit, [{"first": 4, "unused": 0}], changes), data, STRICT)
    tried = [(point.settings["first"], point.settings["unused"]) for point in row.grid]
    assert tried == [(4, 0), (15, 0), (15, 1), (3, 0)]  # of two that are equally good, the first one is gone on with
    assert row.settings == {"first": 15, "unused": 0}


def test_only_the_second_row_is_fitted_on_validation_pairs() -> None:
    data = catalogue(1, 20, train=rows((0, 0)), valid=rows((0, 15)), test=rows((0, 16)))
    pairs_seen = []

    def fit(dataset: IndexedDataset) -> MostPopular:
        pairs_seen.append(len(dataset.interactions["train"]))
        return MostPopular(dataset)

    row, both = measure(Baseline("popular", fit, [{}]), data, STRICT)
    assert pairs_seen == [1, 1, 2]  # the grid, the row, the row of both splits
    assert (row.fitted_on, both.fitted_on) == (("train",), ("train", "valid"))
    assert with_validation(data).interactions["train"].tolist() == [[0, 0], [0, 15]]
    assert data.interactions["train"].tolist() == [[0, 0]]


def test_the_papers_protocol_gives_the_papers_ndcg() -> None:
    # The one hit stands at place 10; the paper's weights are those of places 1, 1, 2, 3, ...: 1/log2(10).
    data = catalogue(1, 20, train=rows((0, 0)), valid=rows((0, 10)), test=rows((0, 11)))
    popular = baselines(1)[BaselineName.popular]
    strict, paper = (measure(popular, data, protocol)[0].test.ndcg for protocol in (STRICT, PAPER))
    assert (strict, paper) == pytest.approx((1 / np.log2(11), 1 / np.log2(10)))


def test_the_grid_of_ease_holds_more_on_both_sides_of_the_settings_of_the_targets() -> None:
    values = [settings["regularisation"] for settings in EASE_GRID]
    assert min(values) < 50 < 1500 < max(values)
    assert {50, 1500} <= set(values)


def run(tmp_path: Path, *arguments: str) -> Any:
    planted.dataset().save(tmp_path / "data")
    return CliRunner().invoke(app, ["--data", str(tmp_path / "data"), *arguments])


def test_the_file_holds_what_the_readme_documents(tmp_path: Path) -> None:
    target = tmp_path / "baselines.json"
    result = run(tmp_path, "--out", str(target), "--only", "popular", "--only", "ease")
    assert result.exit_code == 0, result.output
    written = json.loads(target.read_text(encoding="utf-8"))
    assert BaselineReport.model_validate(written).data.name == "planted films"
    assert [row["name"] for row in written["rows"]] == [
        "most popular",
        "most popular (train + valid)",
        "EASE",
        "EASE (train + valid)",
    ]
    assert str(tmp_path) not in target.read_text(encoding="utf-8")
    documented = (Path(__file__).parents[2] / "benchmarks/README.md").read_text(encoding="utf-8")
    names = set(re.findall(r"^\| `(\w+)`", documented, flags=re.MULTILINE))
    assert names >= set(BaselineReport.model_fields) | set(Row.model_fields) | set(Figures.model_fields)
    assert list(written) == list(BaselineReport.model_fields)


def test_a_baseline_whose_library_is_missing_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.baselines.find_spec", lambda name: None)
    result = run(tmp_path, "--out", str(tmp_path / "x.json"))
    assert result.exit_code == 2
    assert "--group bench" in result.output
    assert not (tmp_path / "x.json").exists()


def test_a_folder_that_is_not_there_is_told_before_the_work(tmp_path: Path) -> None:
    result = run(tmp_path, "--out", str(tmp_path / "none" / "x.json"), "--only", "popular")
    assert result.exit_code == 2
    assert "is no place for a file" in result.output


@pytest.mark.parametrize("split", ["valid", "test"])
def test_data_without_validation_or_test_rows_is_told_before_the_work(tmp_path: Path, split: str) -> None:
    planted.dataset({"interactions": planted.without("interactions", split)}).save(tmp_path / "data")
    given = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "x.json"), "--only", "popular"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert f"error: planted films: the split '{split}' has no interactions" in result.output
