"""The benchmark of training by two processes, run small."""

import json
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from benchmarks import distributed_data
from benchmarks.distributed import KINDS, main
from tests.training import planted

pytestmark = pytest.mark.cluster


def test_every_kind_is_measured_and_the_figures_and_the_plot_are_written(tmp_path: Path) -> None:
    planted.dataset().save(tmp_path / "data")
    out = tmp_path / "results" / "distributed.json"
    settings = ["model.embedding_size=8", "batch_size=16"]
    main(tmp_path / "data", out, preset="sample", epochs=2, rounds=1, settings=settings, large=False, interactions=1000)
    result = json.loads(out.read_text("utf-8"))
    assert [row["kind"] for row in result["rows"]] == list(KINDS)
    alone, *together = result["rows"]
    assert alone["bytes_a_step"] == 0
    for row in together:
        assert row["bytes_a_step"] > 0
        assert 0 <= row["largest_difference_of_losses"] <= 1e-4
        assert [len(row[f"mib_{when}_by_rank"]) for when in ("before", "at_steps", "at_most")] == [2, 2, 2]
        assert min(row["mib_at_most_by_rank"]) > 50
    kinds = {row["kind"]: row for row in result["interactions"]["kinds"]}
    assert list(kinds) == list(distributed_data.KINDS)
    assert kinds["two processes"]["training_rows_by_rank"] == [800, 800]
    assert sum(kinds["two processes, data in shards"]["training_rows_by_rank"]) == 800
    held = [kinds[f"{number} processes, data in shards"] for number in ("two", "four")]
    assert held[0]["loss"] == pytest.approx(held[1]["loss"], abs=1e-6)
    assert {path.name for path in out.parent.iterdir()} == {"distributed.json", "distributed.png", "distributed.svg"}
    assert "--set batch_size=16" in result["command"]
