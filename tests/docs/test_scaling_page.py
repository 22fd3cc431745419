"""The figures of the scaling page are those of the results."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = (ROOT / "docs" / "explanation" / "scaling.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())


def result(name: str) -> Any:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def gb(megabytes: float) -> str:
    return f"{megabytes / 1000:.2f}" if megabytes < 10_000 else f"{megabytes / 1000:.1f}"


def codes_lines() -> list[str]:
    """The lines of the table of codes, smallest first."""
    lines = []
    for row in sorted(result("scale/scale.json")["rows"], key=lambda row: row["items"]):
        build, search = row["build"], row["search"]
        cells = (
            f"{row['items']:,}",
            gb(row["vectors_mb"]),
            gb(build["megabytes"]),
            f"{build['cpu_seconds']:,.0f}",
            gb(build["peak_mb"]),
            f"{search['memory']['anonymous'] - search['before']['anonymous']:.0f}",
            f"{search['looked_at']:,}",
            f"{search['recall']:.3f}",
            f"{search['p50_cpu_ms']:.1f}",
            f"{search['p99_cpu_ms']:.1f}",
            f"{row['cold']['first_wall_ms']:,.0f}, {row['cold']['p50_wall_ms']:,.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def engine_lines() -> list[str]:
    """The lines of the table of the vector engine."""
    lines = []
    for row in result("scale/vector-engine.json")["rows"]:
        server = row["server_mb"]["anonymous"] - row["empty_server_mb"]["anonymous"]
        cells = (
            f"{row['items']:,}",
            f"{row['load_and_measure_wall_seconds']:,.0f}",
            gb(server),
            gb(row["disk_mb"]),
            f"{row['named']:,}",
            f"{row['recall']:.3f}",
            f"{row['p50_wall_ms']:.0f}",
            f"{row['p99_wall_ms']:.0f}",
            f"{row['load_average']:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def people_lines() -> list[str]:
    """The lines of the table of people, loaded or looked up."""
    names = {"memory": "loaded", "lookup": "looked up"}
    return [
        f"| {row['users']:,} | {names[row['way']]} | {row['anonymous_mib_at_start']:,} "
        f"| {row['start_cpu_seconds']:.2f} | {row['id_us']['p50']:.1f} |"
        for row in result("user-vectors.json")["rows"]
        if row["users"] >= 1_000_000
    ]


def hundred(users: Any) -> tuple[str, str]:
    """GB of vectors at d = 100 and of ids, for a hundred million people."""
    files = users["files_by_arithmetic_mb"]["100000000"]
    return f"{files['vectors_d100'] / 1000:.0f}", f"{files['ids'] / 1000:.1f}"


def cells_lines() -> list[str]:
    """The lines of the table of the index that a release gets by itself, against a scan."""
    rows = {(row["items"], row["index"]): row for row in result("retrieval/retrieval.json")["rows"]}
    lines = []
    for n in (30_000, 300_000, 1_000_000, 3_000_000):
        cells, scan = rows[n, "cells"], rows[n, "scan"]
        lines.append(
            f"| {n:,} | {gb(cells['megabytes'])} | {cells['build_cpu_seconds']:.0f} | {cells['recall']:.3f} "
            f"| {cells['p50_cpu_ms']:.1f} | {cells['p99_cpu_ms']:.1f} | {scan['p50_cpu_ms']:,.0f} |"
        )
    return lines


def test_measured_tables_are_those_of_the_results() -> None:
    for lines in (codes_lines(), engine_lines(), cells_lines(), people_lines()):
        assert lines
        for line in lines:
            assert line in PAGE, line


def test_the_wall_time_that_is_told_is_that_of_the_largest_measured() -> None:
    search = max(result("scale/scale.json")["rows"], key=lambda row: row["items"])["search"]
    walls, cpus = ((search[f"p50_{kind}_ms"], search[f"p99_{kind}_ms"]) for kind in ("wall", "cpu"))
    assert f"median {walls[0]:.0f} ms, p99 {walls[1]:.0f} ms, for the {cpus[0]:.0f} and {cpus[1]:.0f} ms" in TEXT


def test_what_is_worked_out_for_a_hundred_million_items_follows_from_the_largest_measured() -> None:
    row = max(result("scale/scale.json")["rows"], key=lambda row: row["items"])
    times = 100_000_000 / row["items"]
    # Codes and vectors grow with n; coding compares each item with sqrt(n) centres, so it grows with n to the 1.5.
    assert f"{gb(times * row['build']['megabytes'])} GB of codes" in TEXT
    assert f"{times * row['vectors_mb'] / 1000:.0f} GB of vectors" in TEXT
    assert f"{times**1.5 * row['build']['cpu_seconds'] / 3600:.0f} hours of one core" in TEXT


def test_what_a_person_who_is_a_vector_costs_is_what_the_catalogue_holds() -> None:
    shape = result("scale/scale.json")["shape"]
    d, p = shape["embedding_size"], shape["preferences"]
    # models/catalogue.py: float64 vectors, logits, normals and squares, and three factors of (n, P) beside them.
    bytes_an_item = 8 * (d + 2 * p + 1) + 3 * 8 * p
    assert f"{bytes_an_item:,} bytes an item" in TEXT


def test_what_people_cost_is_what_was_worked_out_with_their_measurement() -> None:
    users = result("user-vectors.json")
    vectors, ids = hundred(users)
    assert f"{vectors} GB of vectors and {ids} GB of ids" in TEXT
    (loaded,) = [row for row in users["rows"] if (row["users"], row["way"]) == (1_000_000, "memory")]
    assert f"take {loaded['anonymous_mib_at_start']} MiB" in TEXT


def test_what_training_by_several_processes_holds_and_sends_is_that_of_the_result() -> None:
    found = result("distributed.json")
    for row in found["large_tables"]:
        held = ", ".join(f"{mib:,}" for mib in row["mib_at_steps_by_rank"])
        sent, tables = row["bytes_a_step"] / 1e6, row["bytes_of_all_tables"] / 1e6
        assert f"| {row['kind']} | {held} | {sent:.1f} | {tables:.0f} |" in PAGE
    many, few = (found["interactions"][name] for name in ("kinds", "kinds_with_few"))
    own = {
        a["kind"]: [x - y for x, y in zip(a["mib_steps_by_rank"], b["mib_steps_by_rank"], strict=True)]
        for a, b in zip(many, few, strict=True)
    }
    (one,), two = own["one process"], own["two processes, data in shards"]
    four = own["four processes, data in shards"]
    assert f"{one} in one process, {two[0]} and {two[1]} in each of two" in TEXT
    assert f"{min(four)} to {max(four)} in each of four" in TEXT
    assert f"a hundred million are some {one * 25 * 2**20 / 1e9:.0f} GB" in TEXT
    one_row, two_rows, _ = found["rows"]
    cpu = [
        f"{s:.1f}"
        for s in (*two_rows["cpu_seconds_of_last_epoch_by_rank"], *one_row["cpu_seconds_of_last_epoch_by_rank"])
    ]
    assert "{} and {} s of processor time an epoch where one took {}".format(*cpu) in TEXT
    assert f"{max(row['largest_difference_of_losses'] for row in found['rows']):.1e} apart at most" in TEXT


def test_what_lists_of_everybody_cost_is_that_of_the_result_and_follows_from_it() -> None:
    found = result("batch-scoring.json")
    steady, rows = found["steady_users_per_second"], found["rows"]
    size = {row["explain"]: row["bytes_per_user"] for row in rows}
    for name, explain in (("without reasons", "none"), ("with summary reasons", "summary")):
        cells = (f"{n:.0f}" if (n := steady[explain][workers]) is not None else "not measured" for workers in "012")
        assert f"| {name} | {' | '.join(cells)} | {size[explain]:,} |" in PAGE
    assert f"needed {rows[0]['seconds_to_first']:.0f} s until their first chunk" in TEXT
    hours = {explain: 1e8 / steady[explain]["0"] / 3600 for explain in steady}
    plain = hours["none"]
    assert (
        f"a million people {plain / 100:.1f} hours, ten million {plain / 10:.0f}, a hundred million {plain:.0f} hours"
        in TEXT
    )
    assert f"{size['none'] / 10:.0f} GB of files; with reasons, {hours['summary']:.0f} hours" in TEXT
