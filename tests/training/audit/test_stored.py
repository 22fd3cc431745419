"""Ties of the data set: every one is of stored facts, and none is left out."""

import numpy as np

from tests.training import planted
from training.audit.stored import StoredFacts, Triple


def test_ties_are_all_pairs_of_facts_that_meet_and_all_facts_that_join() -> None:
    world = planted.indexed()
    stored, history = StoredFacts(world), np.arange(0, len(world.items), 3)
    found = {(t.history_item, t.relation_id, t.facts) for item in range(1, 20) for t in stored.ties(item, history)}
    expected: set[tuple[str, str, tuple[Triple, ...]]] = set()
    for item in range(1, 20):
        own = int(world.alignment[item])
        for old in history.tolist():
            other = int(world.alignment[old])
            if own < 0 or other < 0 or own == other or old == item:
                continue
            for fact in stored.triples:
                h, r, t = fact
                name, relation = world.items.id(old), world.relations.id(r)
                if {h, t} == {own, other}:
                    expected.add((name, relation, (fact,)))
                if h == own and (other, r, t) in stored.triples:
                    expected.add((name, relation, ((other, r, t), fact)))
                if t == own and (h, r, other) in stored.triples:
                    expected.add((name, relation, ((h, r, other), fact)))
    assert len(expected) > 20
    assert found == expected


def test_the_fan_is_how_many_facts_of_the_relation_meet() -> None:
    world = planted.indexed()
    stored = StoredFacts(world)
    ties = [tie for item in range(10) for tie in stored.ties(item, np.arange(len(world.items))) if len(tie.facts) == 2]
    assert ties
    for tie in ties:
        (h, r, t), (h2, _, t2) = tie.facts
        if t == t2:
            assert tie.fan == sum(fact[1:] == (r, t) for fact in stored.triples)
        else:
            assert h == h2
            assert tie.fan == sum(fact[:2] == (h, r) for fact in stored.triples)
