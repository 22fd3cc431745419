"""How much of the graph a run saw, on data small enough to count."""

from typing import Any

import polars as pl
import pytest

from tests.training import planted
from tests.training.reports import made
from training.data.dataset import Dataset
from training.reports.sections.passes import passes_over_triples, passes_section
from training.suite.result import RunResult


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return planted.dataset()


def joint(**settings: Any) -> RunResult:
    settings = {"model": {"name": "ktup-soft"}, **settings}
    return made.result("ktup-soft", 0, made.lists(0.1), made.facts(0.4), settings=settings, best_epoch=3)


def train(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("split") == "train")


def test_an_epoch_of_a_graph_model_is_one_pass(dataset: Dataset) -> None:
    run = made.result("transe", 0, None, made.facts(0.4), best_epoch=6)
    assert passes_over_triples(run, dataset) == 6.0


def test_each_step_of_a_joint_epoch_takes_a_batch_of_triples(dataset: Dataset) -> None:
    rows, triples = len(train(dataset.interactions)), len(train(dataset.triples))
    run = joint(batch_size=rows // 2, completion={"batch_size": triples}, recommendation={"loss": "bpr"})
    steps = 2 + (rows % 2 > 0)  # two whole batches, and what is left
    assert passes_over_triples(run, dataset) == pytest.approx(3 * steps)


def test_a_listwise_epoch_counts_users_not_interactions(dataset: Dataset) -> None:
    users, triples = train(dataset.interactions)["user_id"].n_unique(), len(train(dataset.triples))
    run = joint(batch_size=users, completion={"batch_size": 2 * triples}, recommendation={"loss": "listwise"})
    assert passes_over_triples(run, dataset) == pytest.approx(3 * 1 * 2)


def test_steps_in_turns_count_the_graph_steps_alone(dataset: Dataset) -> None:
    rows, triples = len(train(dataset.interactions)), len(train(dataset.triples))
    run = joint(
        batch_size=rows,
        joint="steps",
        joint_weight=0.7,
        completion={"batch_size": triples},
        recommendation={"loss": "bpr"},
    )
    assert passes_over_triples(run, dataset) == pytest.approx(3 * 3)  # one of seven steps, then its three of the graph


def test_the_section_tells_what_each_system_was_chosen_by(dataset: Dataset) -> None:
    graph = made.result("transh", 0, None, made.facts(0.4), best_epoch=6, selected_on="valid hits")
    lists = made.result("tup-soft", 0, made.lists(0.1))
    found = passes_section(made.results(graph, lists), dataset)
    assert found.endswith("TransH 6.0 (chosen by valid hits).")
    assert passes_section(made.results(lists), dataset) == ""
