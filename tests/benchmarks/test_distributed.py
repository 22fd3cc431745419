"""The benchmark of training by two processes, run small."""

import json
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from benchmarks.distributed import KINDS, main
from tests.training import planted

pytestmark = pytest.mark.cluster


def test_every_kind_is_measured_and_the_figures_and_the_plot_are_written(tmp_path: Path) -> None:
    planted.dataset().save(tmp_path / "data")
    out = tmp_path / "results" / "distributed.json"
    settings = ["model.embedding_size=8", "batch_size=16"]
    main(tmp_path / "data", out, preset="sample", epochs=2, rounds=1, settings=settings, large=False)
    result = json.loads(out.read_text("utf-8"))
    assert [row["kind"] for row in result["rows"]] == list(KINDS)
    alone, *together = result["rows"]
    assert alone["bytes_a_step"] == 0
    for row in together:
        assert row["bytes_a_step"] > 0
        assert 0 <= row["largest_difference_of_losses"] <= 1e-4
        assert [len(row[f"mib_{when}_by_rank"]) for when in ("before", "at_steps", "at_most")] == [2, 2, 2]
        assert min(row["mib_at_most_by_rank"]) > 50
    assert {path.name for path in out.parent.iterdir()} == {"distributed.json", "distributed.png", "distributed.svg"}
    assert "--set batch_size=16" in result["command"]
