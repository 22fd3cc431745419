"""Holding people and items out of training, and folding them in, on the planted world."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from benchmarks.fold_in import app, facts_of, measure_items, measure_users, settings_of
from benchmarks.held_out import draw_items, draw_users, without_items, without_users
from models.checkpoint import load_checkpoint
from tests.training import planted
from training.data.indexed import IndexedDataset

PRESET = """
epochs = 12
batch_size = 16
[model]
name = "ktup-soft"
embedding_size = 8
norm = "l2"
combine = "mean"
[recommendation]
loss = "listwise"
negatives = 100
sharpness = 4.0
[completion]
loss = "softmax"
batch_size = 64
negatives = 16
[optimiser]
learning_rate = 0.05
"""


def test_who_is_held_out_has_no_row_left_that_could_teach(world: IndexedDataset) -> None:
    users = draw_users(world, 5, seed=0)
    assert len(set(users.tolist())) == 5
    rest = without_users(world, users)
    for split in ("train", "valid"):
        pairs = rest.interactions[split]
        assert not np.isin(pairs[:, 0], users).any()
        assert len(pairs) == (~np.isin(world.interactions[split][:, 0], users)).sum()
    assert rest.interactions["test"] is world.interactions["test"]
    assert rest.content_hash != world.content_hash
    assert without_users(world, users[:4]).content_hash != rest.content_hash


def test_an_item_held_out_takes_the_facts_of_its_entity_along(world: IndexedDataset) -> None:
    items = draw_items(world, 4, seed=0)
    rest, entities = without_items(world, items), world.alignment[items]
    assert (entities >= 0).all()
    assert not np.isin(rest.interactions["train"][:, 1], items).any()
    for split, triples in rest.triples.items():
        touched = np.isin(world.triples[split][:, [0, 2]], entities).any(axis=1)
        assert np.array_equal(triples, world.triples[split][~touched])


def test_the_facts_of_an_entity_name_the_other_end(world: IndexedDataset) -> None:
    entity = int(world.triples["train"][0, 0])
    mine = world.triples["train"][world.triples["train"][:, 0] == entity]
    facts = facts_of(world, entity)
    assert facts.as_head.all()
    assert facts.others.tolist() == mine[:, 2].tolist()
    assert facts.relations.tolist() == mine[:, 1].tolist()


def test_people_folded_in_fare_as_well_as_trained_in_and_better_than_the_most_popular(tmp_path: Path) -> None:
    planted.dataset().save(tmp_path / "data")
    (tmp_path / "preset.toml").write_text(PRESET, encoding="utf-8")
    command = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out.json"), "--runs", str(tmp_path / "runs")]
    command += ["--preset", str(tmp_path / "preset.toml"), "--users", "9", "--items", "6"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    users = report["users"]
    assert users["users"] == 9
    assert users["folded_in"]["f1"] >= 0.9 * users["trained_in"]["f1"]
    assert users["folded_in"]["f1"] > users["most_popular"]["f1"]
    assert users["f1_ratio"] == pytest.approx(users["folded_in"]["f1"] / users["trained_in"]["f1"], abs=1e-3)
    assert report["items"]["items"] == 6
    assert report["items"]["folded_in"]["auc"] > 0.5


def test_a_folder_with_another_training_is_refused(tmp_path: Path) -> None:
    planted.dataset().save(tmp_path / "data")
    (tmp_path / "preset.toml").write_text(PRESET, encoding="utf-8")
    command = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out.json"), "--runs", str(tmp_path / "runs")]
    command += ["--preset", str(tmp_path / "preset.toml"), "--users", "3"]
    assert CliRunner().invoke(app, [*command, "--set", "epochs=1"]).exit_code == 0
    result = CliRunner().invoke(app, [*command, "--set", "epochs=2"])
    assert result.exit_code == 2
    assert "other settings" in result.output


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"interactions": planted.without("interactions", "test")}, "nobody has both training and test rows"),
        (
            {"links": planted.tables()["links"].filter(pl.col("item_id").is_in(["f22", "f25"]))},
            "no item has training rows",
        ),
    ],
)
def test_nobody_and_nothing_to_hold_out_is_told_before_the_trainings(
    tmp_path: Path, changed: dict[str, pl.DataFrame], message: str
) -> None:
    planted.dataset(changed).save(tmp_path / "data")
    command = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out.json"), "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, [*command, "--users", "3", "--items", "3"])
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "runs").exists()


def test_a_share_of_nothing_is_none(world: IndexedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = dict.fromkeys(("precision", "recall", "f1", "hit", "ndcg"), 0.0)
    monkeypatch.setattr("benchmarks.fold_in._lists", lambda *_: nothing)
    checkpoint = load_checkpoint(planted.run(planted.config(epochs=1), world, tmp_path / "run").checkpoint)
    checkpoint.model.to(torch.float64)
    users, items = draw_users(world, 2, seed=0), draw_items(world, 1, seed=0)
    found = measure_users(world, users, checkpoint, checkpoint, settings_of(checkpoint))
    assert found["f1_ratio"] is None
    # Everybody who has one of a single item has all of them: no pair of two items can be in order.
    assert measure_items(world, items, checkpoint, checkpoint)["folded_in"] == {"auc": None, "recall": None}
