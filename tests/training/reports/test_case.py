"""The case study: every tie is made of stored facts, and the user is the one that the rule names."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.training import planted
from tests.training.planted import rows
from tests.training.reports.test_figures import assert_drawn
from training.data.indexed import IndexedDataset
from training.data.schema import TABLES
from training.reports.case.drawing import Edge, Node, draw_case, graph_of
from training.reports.case.facts import Tie, TrainingFacts
from training.reports.case.study import CaseStudy, Recommended
from training.reports.case.text import Labels, case_text, readable

GENRE, DIRECTOR = 0, 1  # relations of the planted world


@pytest.fixture(scope="module")
def facts(world: IndexedDataset) -> TrainingFacts:
    return TrainingFacts(world)


def test_a_tie_is_two_facts_that_meet_in_one_entity(facts: TrainingFacts) -> None:
    # Films 1 and 7 have the same director, person1; film 7's genre stands in test, so it is no stored fact.
    (tie,) = facts.ties(7, rows((1,))[0])
    assert tie.facts == (("e1", "director", "person1"), ("e7", "director", "person1"))
    assert (tie.history_item, tie.item_entity_id, tie.entity_id) == ("f1", "e7", "person1")
    assert tie.fan == 5  # of films 1, 7, 13, 19, 25


def test_both_relations_tie_where_both_facts_are_stored(facts: TrainingFacts) -> None:
    assert [tie.relation_id for tie in facts.ties(13, np.array([1]))] == ["genre", "director"]
    assert [tie.relation_id for tie in facts.ties(4, np.array([1]))] == ["genre"]  # directors 4 and 1
    assert facts.ties(3, np.array([1])) == []  # genres 0 and 1


def test_two_editions_of_one_work_are_not_tied_and_an_unaligned_item_has_no_facts(facts: TrainingFacts) -> None:
    assert facts.ties(25, np.array([22])) == []  # both stand for e22
    assert facts.ties(28, np.array([1, 4, 22])) == []
    assert facts.ties(4, np.array([28])) == []


def with_triples(*triples: tuple[str, str, str]) -> IndexedDataset:
    table = pl.DataFrame([(*t, "train") for t in triples], schema=TABLES["triples"], orient="row")
    return planted.indexed(triples=table)


def test_a_fact_between_the_items_themselves_is_a_tie_from_either_side() -> None:
    facts = TrainingFacts(with_triples(("e1", "genre", "e2")))
    for item, old in ((1, 2), (2, 1)):
        (tie,) = facts.ties(item, np.array([old]))
        assert (tie.facts, tie.entity_id, tie.fan) == ((("e1", "genre", "e2"),), None, 1)
        assert facts.are_tied(np.array([item]), np.array([GENRE]), np.array([old])).tolist() == [True]
        assert facts.are_tied(np.array([item]), np.array([DIRECTOR]), np.array([old])).tolist() == [False]


def test_facts_meet_on_the_side_of_heads_too_but_not_across_sides() -> None:
    facts = TrainingFacts(with_triples(("genre0", "genre", "e1"), ("genre0", "genre", "e2"), ("e3", "genre", "genre0")))
    (tie,) = facts.ties(1, np.array([2, 3]))
    assert tie.facts == (("genre0", "genre", "e2"), ("genre0", "genre", "e1"))


def worlds() -> Iterator[IndexedDataset]:
    """Small worlds with facts at random, dense enough for all kinds of ties."""
    for seed in range(6):
        random = np.random.default_rng(seed)
        triples = np.unique(random.integers(0, (8, 2, 8), size=(14, 3)), axis=0)
        world, alignment = planted.indexed(), random.integers(-1, 8, size=planted.FILMS)
        yield replace(
            world, triples={**world.triples, "train": triples[triples[:, 0] != triples[:, 2]]}, alignment=alignment
        )


def test_being_tied_is_having_a_tie_under_that_relation() -> None:
    tied = 0
    for world in worlds():
        facts, items = TrainingFacts(world), np.arange(planted.FILMS)
        for history in (np.array([0, 5, 9]), np.array([3]), np.empty(0, np.int64)):
            for relation in (GENRE, DIRECTOR):
                found = facts.are_tied(items, np.full(len(items), relation), history)
                name = world.relations.id(relation)
                assert found.tolist() == [
                    any(tie.relation_id == name for tie in facts.ties(int(item), history)) for item in items
                ]
                tied += int(found.sum())
    assert tied > 50


def tie(old: str, entity: str | None = "person1", *, item: str = "e7") -> Tie:
    meeting = ((f"e{old[1:]}", "director", entity), (item, "director", entity))
    facts = ((f"e{old[1:]}", "director", item),) if entity is None else meeting
    return Tie(old, item, "director", 5, facts, entity)  # type: ignore[arg-type]


def case(*recommended: Recommended, history: tuple[str, ...] = ("f1", "f2")) -> CaseStudy:
    return CaseStudy("ktup-soft", 0, "u1", history, {"director": 0.5}, recommended, 0, 42)


def listed(item: str, *ties: Tie, grounded: bool = True, in_test: bool = False) -> Recommended:
    return Recommended(item, "director", 0.25, grounded, ties, in_test)


def test_only_grounded_reasons_are_drawn_each_entity_once() -> None:
    drawn = case(
        listed("f7", tie("f1"), tie("f13")), listed("f19", tie("f1", item="e19")), listed("f3", grounded=False)
    )
    graph = graph_of(drawn, Labels(planted.dataset()))
    assert [len(nodes) for nodes in graph.columns.values()] == [2, 1, 2]
    assert len(graph.edges) == 4
    director = Node("entity", "director person1")
    assert all(edge.end == director and edge.arrow for edge in graph.edges)  # arrows go from head to tail


def test_a_fact_between_two_items_is_an_arrow_from_its_head_to_its_tail() -> None:
    graph = graph_of(case(listed("f7", tie("f1", None))), Labels(planted.dataset()))
    old, fact, new = Node("history", "f1"), Node("fact", "e1 director e7"), Node("item", "f7")
    assert graph.edges == [Edge(old, fact, "director", arrow=False), Edge(fact, new, "director")]
    assert graph.texts[fact] == "director"


def test_the_drawing_stands_titles_of_any_kind(tmp_path: Path) -> None:
    items = planted.tables()["items"].with_columns(
        title=pl.lit("A $very$ long title_with^signs & \\more of it, than fits")
    )
    labels = Labels(planted.dataset({"items": items}))
    assert draw_case(case(listed("f7", tie("f1"), tie("f13", None))), labels, tmp_path, "case")
    assert_drawn(tmp_path, "case")


def test_the_same_case_gives_the_same_files(tmp_path: Path) -> None:
    drawn, labels = case(listed("f7", tie("f1"))), Labels(planted.dataset())
    for name in ("first", "second"):
        draw_case(drawn, labels, tmp_path, name)
    for kind in ("png", "svg"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()


def test_without_a_grounded_reason_nothing_is_drawn(tmp_path: Path) -> None:
    assert not draw_case(case(listed("f7", grounded=False)), Labels(planted.dataset()), tmp_path, "case")
    assert list(tmp_path.iterdir()) == []


def test_the_text_says_which_reasons_are_grounded_and_why_others_are_not() -> None:
    told = case_text(
        case(
            listed("f7", tie("f1"), in_test=True),
            listed("f19", tie("f1", item="e19"), grounded=False),
            listed("f3", grounded=False),
        ),
        Labels(planted.dataset()),
    )
    assert "1 of 3 reasons are grounded here" in told
    fact = "Film 1 — director → person1; Film 7 — director → person1"
    assert f"| 1 | Film 7 | director (25.0 %) | {fact} | grounded | yes |" in told
    assert "| model only: the score does not fall without it |  |" in told
    assert "| 3 | Film 3 | director (25.0 %) |  | model only: no such fact is stored |  |" in told
    assert "director (50.0 %)" in told


def test_a_long_history_is_cut_but_never_what_the_reasons_speak_of() -> None:
    history = tuple(f"f{k}" for k in range(30))
    told = case_text(case(listed("f7", tie("f29")), history=history), Labels(planted.dataset()))
    assert "History in training, 30 items: Film 29, Film 0, " in told
    assert ", and 5 more." in told


def test_names_are_labels_or_the_last_part_of_an_iri() -> None:
    assert readable("http://dbpedia.org/resource/Caf%C3%A9_M%C3%BCller") == "Café Müller"
    assert readable("http://example.org/ns#director") == "director"
    assert readable("http://") == "http://"
    assert readable("an/id") == "an/id"
