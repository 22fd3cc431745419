"""The sample data: reproducible, whole, and planted as it says."""

import csv
import runpy
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
RAW = SAMPLE / "raw"
TABLES = ("interactions", "triples", "links", "items", "entities", "relations", "planted")


def rows(name: str) -> list[dict[str, str]]:
    with (RAW / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_script_writes_the_committed_files_again_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLE / "make_sample.py", "--out", tmp_path], check=True, capture_output=True)
    for name in TABLES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (RAW / f"{name}.csv").read_bytes(), name


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_states_the_true_number_of_rows(name: str) -> None:
    line = next(line for line in (SAMPLE / "README.md").read_text("utf-8").splitlines() if f"`{name}.csv`" in line)
    assert line.rstrip(" |").rsplit("| ", 1)[1] == f"{len(rows(name)):,}"


def test_everything_that_is_named_is_there() -> None:
    items = {row["item_id"] for row in rows("items")}
    entities = {row["entity_id"] for row in rows("entities")}
    relations = {row["relation_id"] for row in rows("relations")}
    assert {row["item_id"] for row in rows("interactions")} <= items
    assert {(link["item_id"] in items, link["entity_id"] in entities) for link in rows("links")} == {(True, True)}
    for triple in rows("triples"):
        assert {triple["head"], triple["tail"]} <= entities
        assert triple["relation"] in relations


def test_nothing_is_said_twice() -> None:
    for name, columns in (("interactions", ("user_id", "item_id")), ("triples", ("head", "relation", "tail"))):
        counted = Counter(tuple(row[c] for c in columns) for row in rows(name))
        assert [key for key, n in counted.items() if n > 1] == []


def test_names_keep_their_letters() -> None:
    labels = {row["entity_id"]: row["label"] for row in rows("entities")}
    assert labels["person-krzysztof-kieslowski"] == "Krzysztof Kieślowski"
    assert labels["person-pedro-almodovar"] == "Pedro Almodóvar"
    assert labels["amelie-2001"] == "Amélie"
    assert all(entity.isascii() for entity in labels)


def test_different_names_have_different_ids() -> None:
    slug = runpy.run_path(str(SAMPLE / "make_sample.py"))["slug"]
    labels = [row["label"] for row in rows("entities") if row["entity_id"].startswith("person-")]
    assert len({slug(label) for label in labels}) == len(labels)


def test_people_meet_what_they_follow_and_follow_enough_of_it() -> None:
    films: dict[tuple[str, str], set[str]] = defaultdict(set)
    for triple in rows("triples"):
        films[triple["relation"], triple["tail"]].add(triple["head"])
    history: dict[str, set[str]] = defaultdict(set)
    for row in rows("interactions"):
        history[row["user_id"]].add(row["item_id"])
    planted = rows("planted")
    assert len(planted) == len(history) == 400
    for person in planted:
        followed = set().union(*(films[person["relation_id"], e] for e in person["entity_ids"].split("|")))
        met = history[person["user_id"]]
        assert len(met & followed) / len(met) >= 0.7
        assert len(followed) >= 12
    assert max(Counter(p["relation_id"] for p in planted).values()) <= 67
