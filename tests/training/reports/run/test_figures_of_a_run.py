"""What a report measures, against what the run itself measured, and by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.training import planted
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.data.schema import TABLES
from training.reports.case.text import Labels
from training.reports.run.finished import FinishedRun, read_run
from training.reports.run.item_map import colouring_of, explained, projected
from training.reports.run.people import groups_of
from training.reports.run.preferences import preferences_section, usage_of
from training.reports.run.relations import by_relation

Trained = Callable[[str], Path]


def kept(run: FinishedRun) -> dict[str, float]:
    """What validation said of the epoch that was kept."""
    (record,) = [record for record in run.history if record["epoch"] == run.best_epoch]
    return dict(record["valid"])


def test_the_groups_together_are_what_validation_said_of_the_kept_epoch(trained: Trained, data: Dataset) -> None:
    run = read_run(trained("ktup"), data)
    groups = groups_of(run)
    assert groups is not None
    said = kept(run)
    for name, key in (("F1", "f1"), ("NDCG", "ndcg"), ("Recall", "recall"), ("Hit ratio", "hit")):
        mean = float((groups.metrics[name] * groups.people).sum() / groups.people.sum())
        assert mean == pytest.approx(100 * said[key], abs=1e-9)
    # Everyone met seven films in training, so they are one group.
    assert groups.people.tolist() == [planted.PEOPLE]
    assert groups.interactions.tolist() == [7.0]


def test_the_relations_together_are_what_validation_said_of_the_kept_epoch(trained: Trained, data: Dataset) -> None:
    run = read_run(trained("ktup"), data)
    found = by_relation(run)
    assert found is not None
    assert {one.name: one.facts for one in found} == {"genre": 10, "director": 10}
    hits = sum(one.facts * (one.heads + one.tails) / 2 for one in found) / 20
    assert hits == pytest.approx(100 * kept(run)["hits"], abs=1e-6)
    mrr = sum(one.facts * one.mrr for one in found) / 20
    assert mrr == pytest.approx(100 * kept(run)["mrr"], abs=1e-6)


def test_a_refit_is_measured_on_test_and_grouped_by_all_that_it_learnt(trained: Trained, data: Dataset) -> None:
    run = read_run(trained("refit"), data)
    assert run.split == "test"
    groups = groups_of(run)
    assert groups is not None
    assert groups.interactions.tolist() == [8.0]  # seven of training, one of validation
    found = by_relation(run)
    assert found is not None
    assert sum(one.facts for one in found) == 10


def test_shares_of_preferences_are_a_whole_beside_the_shares_of_facts(trained: Trained, data: Dataset) -> None:
    usage = usage_of(read_run(trained("ktup"), data))
    assert usage is not None
    assert usage.people == planted.PEOPLE + 1
    assert usage.share.sum() == pytest.approx(100)
    assert usage.first.sum() == pytest.approx(100)
    assert np.all(np.diff(usage.share) <= 0)
    assert usage.facts is not None
    assert dict(zip(usage.names, usage.facts.tolist(), strict=True)) == {"genre": 50.0, "director": 50.0}


def test_where_nobody_has_an_item_left_no_preference_carries_anything(
    trained: Trained, data: Dataset, tmp_path: Path
) -> None:
    run = read_run(trained("ktup"), data)
    people, items = (np.arange(len(ids)) for ids in (run.indexed.users, run.indexed.items))
    everything = np.stack(np.meshgrid(people, items, indexing="ij"), axis=-1).reshape(-1, 2)
    met = replace(run, learnt=replace(run.learnt, interactions={**run.learnt.interactions, "train": everything}))
    assert usage_of(met) is None
    assert preferences_section(met, tmp_path).parts == ["None: nobody has an item left to recommend."]


def test_preferences_of_tup_have_numbers_as_they_are_no_relations(trained: Trained, data: Dataset) -> None:
    usage = usage_of(read_run(trained("tup"), data))
    assert usage is not None
    assert sorted(usage.names)[0] == "preference 1"
    assert usage.facts is None


@pytest.mark.parametrize(("model", "lists", "facts", "preferences"), [("bprmf", 1, 0, 0), ("transe", 0, 1, 0)])
def test_a_model_of_one_task_is_measured_on_that_task_alone(
    trained: Trained, data: Dataset, model: str, lists: int, facts: int, preferences: int
) -> None:
    run = read_run(trained(model), data)
    found = (groups_of(run), by_relation(run), usage_of(run))
    assert [part is not None for part in found] == [bool(x) for x in (lists, facts, preferences)]


def test_the_map_keeps_the_directions_in_which_points_differ_most() -> None:
    # Along (1, 1, 0) / sqrt 2 at -2, 0, 2 times sqrt 2, and a little along the third axis: 16 of 16.0002 in two parts.
    points = np.array([[-2.0, -2.0, 0.01], [0.0, 0.0, -0.02], [2.0, 2.0, 0.01]])
    places, share = projected(points)
    assert places[:, 0] == pytest.approx([-2 * np.sqrt(2), 0, 2 * np.sqrt(2)])
    assert share == pytest.approx(1.0)
    flat, one = projected(np.zeros((4, 3)))
    assert not flat.any()
    assert one == 1.0


def test_the_map_is_coloured_by_genre_where_there_is_one_and_by_the_commonest_value(
    trained: Trained, data: Dataset
) -> None:
    colouring = colouring_of(read_run(trained("ktup"), data), np.zeros((planted.FILMS, 2)))
    assert colouring is not None
    assert colouring.relation == "genre"
    # Facts in train: rows of `more_held_out` whose number is 2, 4 or 5 mod 6; of 30 genre facts (rows 0 to 29) 15.
    known = {k for k in range(30) if k % 6 in (2, 4, 5)}
    expected = [f"genre{k % 3}" if k in known else None for k in range(30)]
    expected[25] = "genre1" if 22 in known else None  # film 25 stands for the entity of film 22
    expected[28] = expected[29] = None  # no entity
    assert colouring.values == expected


def test_without_a_genre_the_relation_that_explains_most_of_the_map_colours_it(trained: Trained, data: Dataset) -> None:
    table = planted.tables()["triples"].with_columns(pl.col("relation").replace("genre", "kind"))
    relations = pl.DataFrame([("kind", None), ("director", None)], schema=TABLES["relations"], orient="row")
    changed = planted.dataset({"triples": table, "relations": relations})
    run, indexed = read_run(trained("ktup"), data), IndexedDataset.of(changed)
    other = replace(run, dataset=changed, indexed=indexed, learnt=indexed, labels=Labels(changed))
    # Film k lies at the place of its director, k % 6: directors explain all of it, kinds (k % 3) a part.
    places = np.array([[float(k % 6), float((k % 6) ** 2)] for k in range(planted.FILMS)])
    colouring = colouring_of(other, places)
    assert colouring is not None
    assert colouring.relation == "director"


def test_what_colours_explain_is_the_variance_between_them() -> None:
    # Means 1 and 5 around 3: between 4 x 4 = 16; within 1 + 1 + 1 + 1 = 4; of 20.
    places = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [6.0, 0.0]])
    assert explained([7, 7, 8, 8], places) == pytest.approx(0.8)
    assert explained([7, 7, None, None], places) == pytest.approx(0.8)
    assert explained([None] * 4, places) == 0.0
