"""The retrieval benchmark, run small."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")

from benchmarks.retrieval import main
from benchmarks.scale import main as measure_scale
from benchmarks.shaped import Shape, model_of
from models.checkpoint import load_checkpoint, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = Sizes(40, 200, 50, 3, torch.arange(200) % 51 - 1)
    config = config_from("ktup-soft", {"embedding_size": 12, "norm": "l2", "combine": "mean", "temperature": 0.1})
    names = dict(zip(("users", "items", "entities", "relations"), (40, 200, 50, 3), strict=True))
    vocabularies = {name: Vocabulary([f"{name}{k}" for k in range(n)]) for name, n in names.items()}
    path = tmp_path_factory.mktemp("trained") / "checkpoint"
    write_checkpoint(
        path, "ktup-soft", build("ktup-soft", config, sizes, torch.Generator().manual_seed(0)), vocabularies, {}
    )
    return path


@pytest.fixture
def shape(checkpoint: Path) -> Shape:
    return Shape.of(load_checkpoint(checkpoint).model, 8)


def test_every_index_is_measured_and_the_figures_and_plots_are_written(checkpoint: Path, tmp_path: Path) -> None:
    options = ["--sizes", "300", "900", "--variants", "soft-l2", "hard-l1", "--embedding-size", "8", "--users", "5"]
    path = main(["--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), *options])
    result = json.loads(path.read_text())
    kinds = {(row["items"], row["strategy"], row["index"]) for row in result["rows"]}
    names = ("scan", "cells", "flat for each preference", "shared graph")
    assert kinds == {(n, s, name) for n in (300, 900) for s in ("soft", "hard") for name in names}
    assert all(0.5 < row["recall"] <= 1.0 and row["p50_cpu_ms"] > 0 for row in result["rows"])
    exact = [row for row in result["rows"] if row["strategy"] == "hard" and row["index"].startswith("flat")]
    assert [row["recall"] for row in exact] == [1.0, 1.0]
    assert result["machine"]["threads"] == 1
    assert str(checkpoint) not in path.read_text()
    assert (tmp_path / "out" / "growth.png").stat().st_size > 1000
    assert "</svg>" in (tmp_path / "out" / "growth.svg").read_text()


def test_drawn_items_have_lengths_means_and_spread_of_trained_ones(shape: Shape) -> None:
    drawn, lengths = shape.items(20_000, 0), np.concatenate(shape.lengths)
    assert np.quantile(np.linalg.norm(drawn, axis=1), [0.1, 0.5, 0.9]) == pytest.approx(
        np.quantile(lengths, [0.1, 0.5, 0.9]), abs=0.02
    )
    sizes = np.array([len(group) for group in shape.lengths])
    assert drawn.mean(axis=0) == pytest.approx((shape.means * sizes[:, None]).sum(axis=0) / sizes.sum(), abs=0.05)


def test_the_model_scores_drawn_items_for_trained_users(shape: Shape) -> None:
    model = model_of(shape, 500, "soft", "l2", 0)
    scores = model.score_items(torch.arange(3))
    assert scores.shape == (3, 500)
    assert scores.dtype == torch.float64
    assert bool(torch.isfinite(scores).all())


@pytest.mark.slow
def test_codes_are_measured_at_each_size_in_processes_of_their_own(checkpoint: Path, tmp_path: Path) -> None:
    options = ["--sizes", "400", "900", "--embedding-size", "8", "--users", "5", "--timed", "8"]
    out, work = tmp_path / "out", tmp_path / "work"
    work.mkdir()
    path = measure_scale(["--checkpoint", str(checkpoint), "--out", str(out), "--work", str(work), *options])
    rows = json.loads(path.read_text())["rows"]
    assert [(row["items"], row["vectors_mb"]) for row in rows] == [(400, 400 * 8 * 8 / 1e6), (900, 900 * 8 * 8 / 1e6)]
    for row in rows:
        search, build = row["search"], row["build"]
        assert 0.5 < search["recall"] <= 1.0
        assert 0 < search["p50_cpu_ms"] <= search["p99_cpu_ms"]
        assert build["cpu_seconds"] > 0
        assert search["memory"]["pss"] < search["memory"]["anonymous"] + search["memory"]["file"]
    assert list(work.iterdir()) == []
    assert (out / "growth.png").stat().st_size > 1000
    assert "</svg>" in (out / "growth.svg").read_text()
