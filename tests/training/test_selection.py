"""Which epoch is published: the best on validation, whatever ends the run, and never by test."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from models.checkpoint import load_checkpoint
from tests.training import planted
from training import validation
from training.config import ConfigError
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import STRICT
from training.evaluation.recommendation import evaluate_recommendation
from training.selection import selected
from training.trainer import TrainingResult


def same(first: TrainingResult, second: TrainingResult) -> bool:
    a, b = (load_file(r.checkpoint / "weights.safetensors") for r in (first, second))
    return all(torch.equal(a[name], b[name]) for name in a)


def f1(result: TrainingResult) -> list[float]:
    return [record["valid"]["f1"] for record in result.history]


def test_c61_the_best_epoch_is_published_when_the_epoch_limit_ends_the_run(
    world: IndexedDataset, tmp_path: Path
) -> None:
    result = planted.run(planted.config(epochs=6), world, tmp_path / "six")
    assert result.best_epoch == int(np.argmax(f1(result))) + 1
    assert result.best_epoch < len(result.history) == 6
    assert load_checkpoint(result.checkpoint).manifest["epoch"] == result.best_epoch
    # The published weights are those that a run of just so many epochs ends with, and not the last ones.
    assert same(result, planted.run(planted.config(epochs=result.best_epoch), world, tmp_path / "short"))


def test_the_first_of_equally_good_epochs_is_kept(world: IndexedDataset, trained: TrainingResult) -> None:
    values = f1(trained)
    assert values.count(max(values)) > 1
    assert trained.best_epoch == values.index(max(values)) + 1


def test_a_run_stops_after_so_many_validations_without_a_best(world: IndexedDataset, folder: Path) -> None:
    validation = {"top_n": 3, "patience": 2}
    result = planted.run(planted.config(epochs=30, validation=validation), world, folder)
    assert len(result.history) == result.best_epoch + 2
    assert [record["best"] for record in result.history[-3:]] == [True, False, False]


def test_patience_counts_validations_and_the_last_epoch_is_validated_too(world: IndexedDataset, folder: Path) -> None:
    result = planted.run(planted.config(epochs=5, validation={"every": 2, "patience": 5}), world, folder)
    assert ["valid" in record for record in result.history] == [False, True, False, True, True]
    assert result.best_epoch in (2, 4, 5)


@pytest.mark.parametrize(
    ("model", "metric"), [(planted.KTUP, "recall"), (planted.KTUP, "mrr"), ({"name": "transh"}, "hits")]
)
def test_the_metric_that_was_asked_for_decides(
    model: dict[str, Any], metric: str, world: IndexedDataset, folder: Path
) -> None:
    validation = {"top_n": 1, "metric": metric}
    result = planted.run(planted.config(model, epochs=4, validation=validation), world, folder)
    assert result.best_epoch == int(np.argmax([record["valid"][metric] for record in result.history])) + 1
    assert load_checkpoint(result.checkpoint).manifest["selected_on"] == f"valid {metric}"


def test_both_is_the_geometric_mean_of_f1_and_hits(world: IndexedDataset, folder: Path) -> None:
    assert selected({"f1": 0.04, "hits": 0.49, "mrr": 0.9}, "both") == pytest.approx(0.14)
    result = planted.run(planted.config(epochs=4, validation={"top_n": 1, "metric": "both"}), world, folder)
    products = [record["valid"]["f1"] * record["valid"]["hits"] for record in result.history]
    assert result.best_epoch == int(np.argmax(products)) + 1
    assert load_checkpoint(result.checkpoint).manifest["selected_on"] == "valid both"


@pytest.mark.parametrize("model", [{"name": "transh"}, {"name": "bprmf"}])
def test_a_model_of_one_task_cannot_be_chosen_by_both(
    model: dict[str, Any], world: IndexedDataset, folder: Path
) -> None:
    with pytest.raises(ConfigError, match="cannot be chosen by 'both'"):
        planted.run(planted.config(model, validation={"metric": "both"}), world, folder)


def test_without_validation_triples_nothing_is_chosen_by_both(folder: Path) -> None:
    data = planted.indexed(triples=planted.without("triples", "valid"))
    result = planted.run(planted.config(epochs=2, validation={"metric": "both"}), data, folder)
    assert load_checkpoint(result.checkpoint).manifest["selected_on"] == "last epoch"


def _disagreeing() -> IndexedDataset:
    """In train and test everyone keeps to one genre; the item of valid is of the next one."""
    rows = planted.tables()["interactions"]
    genre = pl.col("item_id").str.slice(1).cast(pl.Int64) % planted.GENRES
    person = pl.col("user_id").str.slice(1).cast(pl.Int64)
    kept = rows.filter((pl.col("split") != "valid") & (genre == person % planted.GENRES))
    contrary = rows.filter(pl.col("split") == "valid").with_columns(
        item_id=pl.format("f{}", (pl.col("item_id").str.slice(1).cast(pl.Int64) + 1) % planted.FILMS)
    )
    return planted.indexed(interactions=pl.concat([kept, contrary]))


def test_c62_validation_decides_even_where_test_says_otherwise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, on_test = _disagreeing(), list[float]()

    def evaluate(model: Any, *rest: Any) -> Any:
        on_test.append(evaluate_recommendation(model, data, "test", STRICT, 3, "cpu").means()["f1"])
        return evaluate_recommendation(model, *rest)

    monkeypatch.setattr(validation, "evaluate_recommendation", evaluate)
    result = planted.run(planted.config(epochs=5), data, folder)
    assert result.best_epoch == int(np.argmax(f1(result))) + 1
    assert result.best_epoch != int(np.argmax(on_test)) + 1
    assert max(on_test) > on_test[result.best_epoch - 1] + 0.1


def test_the_test_split_plays_no_part_in_a_strict_run(world: IndexedDataset, tmp_path: Path) -> None:
    blind = planted.indexed(
        interactions=planted.without("interactions", "test"), triples=planted.without("triples", "test")
    )
    seeing, unseeing = (
        planted.run(planted.config(epochs=3), data, tmp_path / name) for name, data in (("a", world), ("b", blind))
    )
    assert f1(seeing) == f1(unseeing)
    assert same(seeing, unseeing)


def test_c62_without_validation_rows_the_last_epoch_is_published_and_the_manifest_says_so(folder: Path) -> None:
    data = planted.indexed(interactions=planted.without("interactions", "valid"))
    result = planted.run(planted.config(epochs=3), data, folder)
    manifest = load_checkpoint(result.checkpoint).manifest
    assert (result.best_epoch, manifest["epoch"], manifest["selected_on"]) == (3, 3, "last epoch")
    assert all("valid" not in record for record in result.history)


def test_validation_triples_are_drawn_once_and_within_their_limit(world: IndexedDataset, folder: Path) -> None:
    validation = {"top_n": 3, "triples": 1}
    result = planted.run(planted.config(epochs=2, validation=validation), world, folder)
    assert [record["valid"]["triples"] for record in result.history] == [1.0, 1.0]
