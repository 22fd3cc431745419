"""Ties found by array arithmetic against the same question asked of every pair of facts."""

from collections.abc import Collection, Mapping

from hypothesis import given
from hypothesis import strategies as st

from app.db.graph import Graph, GraphBuilder
from app.db.ties import find_ties
from app.ports import Fact, Tie
from models.explanation.evidence import rank_ties
from tests.app import plain_ties

_entity = st.sampled_from("abcdefgh")
_facts = st.lists(st.tuples(_entity, st.sampled_from("rs"), _entity), max_size=40, unique=True)
_aligned = st.dictionaries(_entity, st.just(None), max_size=4)


def graph_of(facts: list[Fact], accepted: tuple[Fact, ...] = ()) -> Graph:
    builder = GraphBuilder()
    builder.add((*fact, "accepted" if fact in accepted else "stored") for fact in facts)
    return builder.build(1)


def items_on(entities: Mapping[str, None], prefix: str) -> dict[str, list[str]]:
    return {entity: [f"{prefix}{entity}"] for entity in entities}


def every_pair(facts: list[Fact], items: Mapping[str, None], history: Mapping[str, None]) -> set[tuple[str, ...]]:
    """(item's entity, history's entity, relation, shared or None) of all ties there are, by definition."""
    found: set[tuple[str, ...]] = set()
    for head, relation, tail in facts:
        for one, other in ((head, tail), (tail, head)):
            if one in items and other in history and one != other:
                found.add((one, other, relation, "direct"))
        for head2, relation2, tail2 in facts:
            if relation != relation2 or head == tail or head2 == tail2:
                continue
            if tail == tail2 and head in items and head2 in history and head != head2:
                found.add((head, head2, relation, f"tail {tail}"))
            if head == head2 and tail in items and tail2 in history and tail != tail2:
                found.add((tail, tail2, relation, f"head {head}"))
    return found


def described(tie: Tie) -> tuple[str, ...]:
    item, old = tie.item_id[1:], tie.history_item[1:]
    if len(tie.facts) == 1:
        return (item, old, tie.relation_id, "direct")
    (_, _, tail), (head2, _, tail2) = tie.facts
    return (item, old, tie.relation_id, f"tail {tail}" if tail == tail2 and head2 == item else f"head {head2}")


@given(_facts, _aligned, _aligned)
def test_every_tie_is_one_by_definition_and_no_item_and_relation_that_has_one_goes_without(
    facts: list[Fact], items: Mapping[str, None], history: Mapping[str, None]
) -> None:
    ties = [
        t for each in find_ties(graph_of(facts), items_on(items, "i"), items_on(history, "h")).values() for t in each
    ]
    expected = every_pair(facts, items, history)
    assert {described(tie) for tie in ties} <= expected
    # Not every pair is told (one tie for a history item), but every pair of things that is tied.
    assert {described(tie)[:3] for tie in ties} == {pair[:3] for pair in expected}
    assert {fact for tie in ties for fact in tie.facts} <= set(facts)


@given(_facts, _aligned, _aligned)
def test_the_fan_is_the_number_of_stored_facts_at_the_shared_entity(
    facts: list[Fact], items: Mapping[str, None], history: Mapping[str, None]
) -> None:
    for ties in find_ties(graph_of(facts), items_on(items, "i"), items_on(history, "h")).values():
        for tie in ties:
            kind, _, shared = described(tie)[3].partition(" ")
            at = {"head": 0, "tail": 2}.get(kind)
            count = (
                sum(f[1] == tie.relation_id and f[at] == shared and f[0] != f[2] for f in facts)
                if at is not None
                else 1
            )
            assert tie.fan == count


def test_the_most_specific_ties_come_first_and_six_of_them_are_enough() -> None:
    # x is shared by the item and one old item, y by the item and nine: fans 2 and 10.
    facts = [("i", "r", "y"), *((f"o{n}", "r", "y") for n in range(9)), ("i", "r", "x"), ("o8", "r", "x")]
    history = {f"o{n}": [f"old{n}"] for n in range(9)}
    ties = find_ties(graph_of(facts), {"i": ["item"]}, history)["item"]
    assert [(tie.history_item, tie.fan) for tie in ties] == [
        ("old8", 2), ("old0", 10), ("old1", 10), ("old2", 10), ("old3", 10), ("old4", 10)
    ]  # fmt: skip


def test_a_tie_is_accepted_as_soon_as_one_of_its_facts_is() -> None:
    facts: list[Fact] = [("i", "r", "x"), ("o", "r", "x"), ("i", "r", "y"), ("p", "r", "y")]
    ties = find_ties(graph_of(facts, (facts[1],)), {"i": ["item"]}, {"o": ["old"], "p": ["older"]})["item"]
    assert {tie.history_item: tie.origin for tie in ties} == {"old": "accepted", "older": "stored"}


def test_an_empty_graph_ties_nothing() -> None:
    assert find_ties(graph_of([]), {"i": ["item"]}, {"o": ["old"]}) == {}


_many_facts = st.lists(st.tuples(_entity, st.sampled_from("rst"), _entity), max_size=60, unique=True)
_shared_entities = st.dictionaries(_entity, st.integers(1, 3), max_size=6)


def several(entities: Mapping[str, int], prefix: str) -> dict[str, list[str]]:
    return {entity: [f"{prefix}{entity}{k}" for k in range(n)] for entity, n in entities.items()}


@given(_many_facts, st.sets(st.integers(0, 59)), _shared_entities, _shared_entities)
def test_ties_are_those_of_the_long_way_in_the_same_order(
    facts: list[Fact], accepted: set[int], items: Mapping[str, int], history: Mapping[str, int]
) -> None:
    graph = graph_of(facts, tuple(facts[k] for k in accepted if k < len(facts)))
    near, past = several(items, "i"), several(history, "h")
    assert dict(find_ties(graph, near, past)) == plain_ties.find_ties(graph, near, past)
    assert dict(find_ties(graph, past, near)) == plain_ties.find_ties(graph, past, near)


@given(
    _many_facts,
    _shared_entities,
    _shared_entities,
    st.dictionaries(st.sampled_from("rst"), st.sampled_from([0.0, 0.25, 0.5]), max_size=3),
    st.integers(1, 4),
)
def test_the_ties_that_are_shown_are_those_that_ranking_all_of_them_gives(
    facts: list[Fact], items: Mapping[str, int], history: Mapping[str, int], shares: Mapping[str, float], limit: int
) -> None:
    graph, near, past = graph_of(facts), several(items, "i"), several(history, "h")
    found, every = find_ties(graph, near, past), plain_ties.find_ties(graph, near, past)
    for item in (item for those in near.values() for item in those):
        assert rank_ties(found.get(item), shares, limit) == rank_ties(every.get(item, []), shares, limit)


def test_relations_behind_those_that_give_enough_ties_are_not_looked_at() -> None:
    facts = [("i", relation, "x") for relation in "rs"] + [
        (f"o{n}", relation, "x") for n in range(3) for relation in "rs"
    ]
    ties = find_ties(graph_of(facts), {"i": ["item"]}, {f"o{n}": [f"old{n}"] for n in range(3)}).get("item")
    asked: list[str] = []

    class Watched:
        relations = ties.relations

        def under(self, relation_ids: Collection[str]) -> list[Tie]:
            asked.extend(relation_ids)
            return ties.under(relation_ids)

    best: list[Tie] = rank_ties(Watched(), {"s": 0.7, "r": 0.3}, 3)  # type: ignore[arg-type]  # no sequence: nobody looks at all
    assert [(tie.relation_id, tie.history_item) for tie in best] == [("s", "old0"), ("s", "old1"), ("s", "old2")]
    assert asked == ["s"]
