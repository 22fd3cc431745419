"""What the peers are given, how sides are timed and compared, and what our own side measures."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from benchmarks.peers.__main__ import app
from benchmarks.peers.comparison import LINES, compare, rate, share_of_core
from benchmarks.peers.contest import Contest
from benchmarks.peers.environments import REQUIREMENTS, PeerError, ensure, run
from benchmarks.peers.measuring import FirstBatches, Measurement, timed
from benchmarks.peers.our_side import Side, Stopwatch, measure
from benchmarks.peers.report import Report, table, write
from benchmarks.peers.task import Settings, own_entities, write_task
from tests.training import planted
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.data.schema import TABLES

SMALL = Settings(embedding_size=4, batch_size=16, batches=4, triples=8)


def world() -> Dataset:
    """Random films: 60 people, 30 films, 40 entities; each film is an entity but for the last two."""
    random = np.random.default_rng(0)
    pairs = [(f"u{k // 30}", f"f{k % 30}") for k in random.permutation(1800)[:600]]
    facts = [(f"e{k // 80}", f"r{k // 40 % 2}", f"e{k % 40}") for k in random.permutation(3200)[:600]]
    splits = ["train"] * 400 + ["valid"] * 100 + ["test"] * 100
    tables: dict[str, Sequence[tuple[object, ...]]] = {
        "users": [(f"u{k}",) for k in range(60)],
        "items": [(f"f{k}", None) for k in range(30)],
        "entities": [(f"e{k}", None) for k in range(40)],
        "relations": [("r0", None), ("r1", None)],
        "links": [(f"f{k}", f"e{k}") for k in range(28)],
        "interactions": [(*pair, None, None, split) for pair, split in zip(pairs, splits, strict=True)],
        "triples": [(*fact, split) for fact, split in zip(facts, splits, strict=True)],
    }
    return planted.dataset(
        {name: pl.DataFrame(rows, schema=TABLES[name], orient="row") for name, rows in tables.items()}
    )


@pytest.fixture(scope="module")
def rows() -> IndexedDataset:
    return IndexedDataset.of(world())


def test_an_item_without_an_entity_or_with_a_shared_one_gets_its_own() -> None:
    data = planted.indexed()  # films 28 and 29 stand for no entity, 25 for that of 22; entities 0 to 38
    entities, added = own_entities(data)
    assert entities[[22, 25, 28, 29]].tolist() == [22, 39, 40, 41]
    assert len(set(entities.tolist())) == 30
    assert added[-3:].tolist() == [[39, 0, 39], [40, 0, 40], [41, 0, 41]]


def test_an_entity_that_no_training_fact_names_is_given_one() -> None:
    lonely = planted.tables()["triples"].filter((pl.col("head") != "e3") & (pl.col("tail") != "e3"))
    _, added = own_entities(planted.indexed(triples=lonely))
    assert [3, 0, 3] in added.tolist()


def test_the_task_holds_every_row_of_the_data(rows: IndexedDataset, tmp_path: Path) -> None:
    write_task(tmp_path, rows, SMALL)
    read = {
        file.suffixes[-2] if len(file.suffixes) == 2 else file.suffix: file.read_text().splitlines()
        for file in (tmp_path / "task").iterdir()
    }
    assert read[".train"][0] == "user_id:token\titem_id:token"
    assert [tuple(map(int, line.split("\t"))) for line in read[".test"][1:]] == [
        (u, i) for u, i in rows.interactions["test"].tolist()
    ]
    assert len(read[".link"]) == 1 + 30
    assert len(read[".kg"]) == 1 + 400 + 2  # the films 28 and 29 get a fact each
    assert np.array_equal(np.load(tmp_path / "triples-valid.npy"), rows.triples["valid"])
    assert json.loads((tmp_path / "task.json").read_text())["entities"] == 40


def test_a_sleep_counts_as_wall_time_and_not_as_processor_time() -> None:
    def work() -> float:
        time.sleep(0.2)
        return 7

    found = timed(work)
    assert found["amount"] == 7
    assert found["seconds"] >= 0.2
    assert found["cpu_seconds"] < 0.1


def test_a_cut_loader_counts_the_rows_of_its_batches_and_is_the_loader_in_all_else() -> None:
    class Loader(list[list[int]]):
        shuffle = "yes"

    cut = FirstBatches(Loader([[1, 2], [3, 4], [5]]), 2)
    assert (list(cut), cut.rows, len(cut), cut.shuffle) == ([[1, 2], [3, 4]], 4, 2, "yes")
    whole = FirstBatches(Loader([[1, 2], [3, 4], [5]]), 9)
    assert (len(list(whole)), whole.rows, len(whole)) == (3, 5, 3)


def test_the_stopwatch_counts_only_the_steps_asked_for_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([float(k * k) for k in range(14)])  # step k ends at k^2, so it takes 2k - 1 seconds
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    watch = Stopwatch()
    for k in range(14):
        watch.step(1, k + 1, 14)
    found = watch.time_of([0, 2, 10, 12], amount=16)
    assert (found["amount"], found["seconds"]) == (32, 19 + 23)


def one(amount: float, seconds: float, cpu_seconds: float) -> Measurement:
    return {"amount": amount, "seconds": seconds, "cpu_seconds": cpu_seconds}


FOUND: dict[str, Measurement] = {
    **dict.fromkeys(("ktup rows", "bprmf rows", "ktup ranking", "bprmf ranking"), one(100, 10, 5)),
    **dict.fromkeys(("ktup triples", "ktup as shipped"), one(100, 30, 15)),
    **dict.fromkeys(("transh triples", "transh ranking"), one(100, 10, 5)),
}


def test_a_ratio_is_our_rate_over_theirs_by_either_clock() -> None:
    peer = {**FOUND, "ktup rows": one(100, 40, 10)}  # 2.5 rows/s against our 10; 10 against 20 by processor time
    line = compare([FOUND], {"recbole": [peer]})[0]
    assert (line["name"], line["ratio"], line["cpu_ratio"]) == ("KTUP, interactions", 4.0, 2.0)
    assert (line["ours"]["per_second"], line["theirs"]["per_second"]) == (10.0, 2.5)


def test_one_row_and_one_triple_take_the_sum_of_their_times() -> None:
    assert rate(FOUND, ("ktup rows", "ktup triples"), "seconds") == pytest.approx(1 / (0.1 + 0.3))


def test_rates_are_medians_over_the_rounds() -> None:
    slow, fast = ({**FOUND, "bprmf rows": one(100, seconds, 5)} for seconds in (100, 1))
    by_name = {line["name"]: line for line in compare([slow, FOUND, fast], {"recbole": [FOUND] * 3})}
    assert by_name["BPRMF, interactions"]["ours"]["per_second"] == 10.0


def test_a_peer_that_was_left_out_has_no_line() -> None:
    assert {line["peer"] for line in compare([FOUND], {"pykeen": [FOUND]})} == {"pykeen"}


def test_the_share_of_the_core_is_the_least_of_all() -> None:
    assert share_of_core([FOUND, {"x": one(1, 10, 2)}]) == 0.2


def test_our_side_measures_every_line(rows: IndexedDataset, tmp_path: Path) -> None:
    found = measure(Side(rows, SMALL, tmp_path))
    assert set(found) == {name for line in LINES for name in line.ours}
    # 400 rows are 25 batches of 16; 10 of the 14 that are taken are warm-up. In turns: 14 and 15 steps.
    amounts = {name: m["amount"] for name, m in found.items()}
    assert amounts["bprmf rows"] == amounts["transh triples"] == amounts["ktup as shipped"] == 4 * 16
    assert amounts["ktup rows"] + amounts["ktup triples"] == (29 - 10) * 16
    assert amounts["ktup ranking"] == len(np.unique(rows.interactions["test"][:, 0]))
    assert amounts["transh ranking"] == 7 * 8


def test_an_environment_is_made_once_and_anew_when_its_needs_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def record(command: list[str], what: str) -> str:
        commands.append(what)
        (tmp_path / "pykeen").mkdir(exist_ok=True)
        return ""

    monkeypatch.setattr("benchmarks.peers.environments.run", record)
    assert ensure("pykeen", tmp_path) == ensure("pykeen", tmp_path) == tmp_path / "pykeen" / "bin" / "python"
    assert commands == ["pykeen: venv", "pykeen: pip install"]
    monkeypatch.setattr("benchmarks.peers.environments.REQUIREMENTS", {**REQUIREMENTS, "pykeen": ("pykeen==0",)})
    ensure("pykeen", tmp_path)
    assert len(commands) == 4


def test_a_peer_that_fails_says_the_end_of_its_complaint() -> None:
    with pytest.raises(PeerError, match=r"a peer failed \(exit code 3\):\nlast words"):
        run(["bash", "-c", "echo last words >&2; exit 3"], "a peer")


def contest(tmp_path: Path) -> Contest:
    world().save(tmp_path / "data")
    return Contest(tmp_path / "data", tmp_path / "environments", Path("python"), ["recbole", "pykeen"], SMALL)


def test_the_file_holds_what_the_readme_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Contest, "versions", lambda self: {"recbole": {"torch": "2"}})
    report = Report.of({"ours": [FOUND], "recbole": [FOUND], "pykeen": [FOUND]}, contest(tmp_path), "x.json")
    write(tmp_path / "x.json", report)
    written = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert [line["ratio"] for line in written["measurements"]][:3] == [1, 1, 1]
    assert str(tmp_path) not in json.dumps(written)
    documented = (Path(__file__).parents[2] / "benchmarks/README.md").read_text(encoding="utf-8")
    speed = documented[documented.index("## Speed") :]
    for name in [*written, *written["measurements"][0], *written["measurements"][0]["ours"]]:
        assert f"`{name}`" in speed, name
    assert table(report).row_count == len(LINES)


def test_work_too_short_for_the_clock_is_an_error_and_no_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = json.dumps({"transh ranking": one(56, -0.01, 0.0)})
    monkeypatch.setattr("benchmarks.peers.contest.run", lambda *arguments: f"a word before\n{printed}\n")
    with pytest.raises(PeerError, match="ours: transh ranking was over too soon to be timed"):
        contest(tmp_path).measure(1)


def test_too_few_rows_to_time_are_told_before_anything_is_installed(tmp_path: Path) -> None:
    world().save(tmp_path / "data")
    options: list[Any] = [
        "--data",
        tmp_path / "data",
        "--out",
        tmp_path / "x.json",
        "--environments",
        tmp_path / "none",
    ]
    result = CliRunner().invoke(app, list(map(str, options)))
    assert result.exit_code == 2
    assert "22528 training interactions are needed" in result.output.replace("\n", " ")
    assert not (tmp_path / "none").exists()
