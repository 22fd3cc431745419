"""Answers of queries, looked up by what is given."""

import numpy as np
import pytest

from models.retrieval.answers import Answers
from models.retrieval.roles import Roles

# Entities 0..4, relations 0 and 1; (0, 0, 3) stands twice.
TRIPLES = np.array([[0, 0, 3], [0, 0, 1], [2, 0, 3], [0, 1, 3], [0, 0, 3], [4, 1, 0]])


@pytest.fixture
def answers() -> Answers:
    return Answers(TRIPLES, 2)


def test_a_repeated_fact_counts_once(answers: Answers) -> None:
    assert len(answers) == 5
    assert answers.counts("tail", np.array([[0, 0]])).tolist() == [2]


def test_each_side_has_answers_of_its_own(answers: Answers) -> None:
    tails = answers.pairs_of("tail", np.array([[0, 0], [0, 1]]))
    assert [column.tolist() for column in tails] == [[0, 0, 1], [1, 3, 3]]
    heads = answers.pairs_of("head", np.array([[3, 0], [0, 0], [3, 1]]))
    assert [column.tolist() for column in heads] == [[0, 0, 2], [0, 2, 0]]


def test_a_query_of_the_last_entity_does_not_run_into_another(answers: Answers) -> None:
    assert answers.counts("tail", np.array([[4, 0], [4, 1], [3, 0], [3, 1]])).tolist() == [0, 1, 0, 0]


def test_the_queries_of_a_side_are_those_with_an_answer(answers: Answers) -> None:
    assert answers.queries("tail").tolist() == [[0, 0], [0, 1], [2, 0], [4, 1]]
    assert answers.queries("head").tolist() == [[0, 1], [1, 0], [3, 0], [3, 1]]


def test_without_facts_nothing_has_an_answer() -> None:
    nothing = Answers(np.empty((0, 3), dtype=np.int64), 2)
    assert nothing.queries("tail").shape == (0, 2)
    assert nothing.counts("head", np.array([[0, 0]])).tolist() == [0]
    assert nothing.pairs_of("head", np.array([[0, 0]]))[1].tolist() == []


def test_what_is_stored_reads_back_as_the_same_answers(answers: Answers) -> None:
    again = Answers(answers.tensor().numpy().astype(np.int64), 2)
    assert again.triples.tolist() == answers.triples.tolist()
    assert again.triples.dtype == np.int64


def test_a_mask_of_roles_tells_who_was_seen_in_each_row() -> None:
    mask = Roles.of_triples(TRIPLES, 2).mask(np.array([1, 0, 1]), "tail", 5)
    assert [np.flatnonzero(row).tolist() for row in mask] == [[0, 3], [1, 3], [0, 3]]
