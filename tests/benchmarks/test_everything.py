"""The table of all benchmarks: what becomes a line, when an aim is reached, and how a failure is told."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.everything import BenchmarkFailed, Part, call, lines_of

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def rates(second: float, cpu: float) -> dict[str, float]:
    return {"per_second": second, "per_cpu_second": cpu}


def peers(cpu_ratio: float, target: float | None) -> dict[str, Any]:
    measured = {"name": "KTUP", "unit": "rows", "peer": "recbole", "ours": rates(8, 60), "theirs": rates(2, 15)}
    return {"measurements": [{**measured, "ratio": 4.0, "cpu_ratio": cpu_ratio, "target": target}]}


def row(index: str, recall: float, p50: float) -> dict[str, Any]:
    kind = {"items": 30_000, "strategy": "soft", "norm": "l2", "index": index}
    return {**kind, "recall": recall, "p50_cpu_ms": p50, "megabytes": 17.2}


def test_a_ratio_is_judged_by_processor_time_since_the_machine_may_be_busy() -> None:
    (missed,) = lines_of({"peers": peers(4.9, 5.0)})
    assert (missed.ratio, missed.cpu_ratio, missed.aim, missed.reached) == (4.0, 4.9, "5", False)
    assert missed.measured == "60 against 15 rows/CPU s"
    assert lines_of({"peers": peers(5.0, 5.0)})[0].reached is True
    assert lines_of({"peers": peers(5.0, None)})[0].reached is None


def test_cells_are_set_beside_the_scan_of_the_same_items_and_need_recall_and_time() -> None:
    (line,) = lines_of({"retrieval": {"rows": [row("scan", 1.0, 25.0), row("cells", 0.99, 5.0)]}})
    assert (line.cpu_ratio, line.reached) == (5.0, True)
    (slow,) = lines_of({"retrieval": {"rows": [row("cells", 0.99, 10.1)]}})
    (blind,) = lines_of({"retrieval": {"rows": [row("cells", 0.98, 5.0)]}})
    assert (slow.cpu_ratio, slow.reached, blind.reached) == (None, False, False)


def test_the_files_that_stand_in_the_repository_can_be_read() -> None:
    parts = {
        "retrieval": json.loads((RESULTS / "retrieval" / "retrieval.json").read_text()),
        "service": json.loads(max((RESULTS / "service").glob("*.json")).read_text()),
    }
    lines = lines_of(parts)
    assert {line.part.split(",")[0] for line in lines} == {"retrieval", "service"}
    assert any(line.name.startswith("computed with reasons") for line in lines)


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(BenchmarkFailed, match=r"-c import sys; sys.exit\(3\) ended with 3"):
        call([sys.executable, "-c", "import sys; sys.exit(3)"])


def test_a_part_that_writes_nothing_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkFailed, match=r"this wrote no a\.json"):
        Part("x", "this", (), tmp_path / "a.json").run()


def test_an_unknown_part_cannot_be_left_out(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--data", str(tmp_path), "--preset", "sample", "--without", "all"])
    assert result.exit_code == 2
    assert "expected peers, retrieval or service" in result.stderr
