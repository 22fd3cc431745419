"""Joining facts into ties, in memory."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from app.ports import Fact, Tie

Side = Literal["head", "tail"]
StoredFact = tuple[str, str, str, str]
"""Head, relation, tail, origin."""
Shared = tuple[Side, str, str]
"""The end of a fact as seen from its other end: the side it stands on, the relation, and the entity there."""
ByEntity = Mapping[str, list[str]]
"""Items by the entity they are aligned with."""

_TIES_PER_RELATION = 6


def sides(fact: StoredFact, entities: Collection[str]) -> Iterator[tuple[Shared, str]]:
    """Read a fact from each of its ends that is in `entities`: what is at the other end, and this end."""
    head, relation, tail, _ = fact
    if head in entities:
        yield ("tail", relation, tail), head
    if tail in entities:
        yield ("head", relation, head), tail


def direct_ties(near: Iterable[StoredFact], items: ByEntity, past: ByEntity) -> Iterator[Tie]:
    """Facts from an item's entity to that of a history item, or back."""
    for fact in near:
        for (_, relation, other), entity in sides(fact, items):
            for old in past.get(other, ()):
                for item in items[entity]:
                    yield Tie(item, old, relation, (_triple(fact),), 1, _origin(fact))


def shared_ties(
    near: Iterable[StoredFact], far: Iterable[StoredFact], fans: Mapping[Shared, int], items: ByEntity, past: ByEntity
) -> Iterator[Tie]:
    """Pairs of facts that meet in one entity, the most specific first within each item and relation."""
    meeting: defaultdict[Shared, list[tuple[str, StoredFact]]] = defaultdict(list)
    for fact in far:
        for key, entity in sides(fact, past):
            meeting[key].append((entity, fact))
    ends: defaultdict[tuple[str, str], list[tuple[int, Shared, StoredFact]]] = defaultdict(list)
    for fact in near:
        for key, entity in sides(fact, items):
            if key in meeting:
                ends[entity, key[1]].append((fans.get(key, 1), key, fact))
    for (entity, _), found in ends.items():
        for item in items[entity]:
            yield from _most_specific(item, entity, sorted(found), meeting, past)


def _most_specific(
    item: str,
    entity: str,
    ends: Iterable[tuple[int, Shared, StoredFact]],
    meeting: Mapping[Shared, list[tuple[str, StoredFact]]],
    past: ByEntity,
) -> Iterator[Tie]:
    used: set[str] = set()
    for fan, key, fact in ends:
        for other, other_fact in meeting[key]:
            # Two editions of one work share all their facts: a fact is no tie with itself.
            for old in past[other] if other != entity else ():
                if old not in used and len(used) < _TIES_PER_RELATION:
                    used.add(old)
                    facts = (_triple(other_fact), _triple(fact))
                    yield Tie(item, old, key[1], facts, fan, _origin(other_fact, fact))


def _triple(fact: StoredFact) -> Fact:
    return fact[:3]


def _origin(*facts: StoredFact) -> Literal["stored", "accepted"]:
    """One accepted fact makes the whole tie rest on a person's decision."""
    return "accepted" if any(fact[3] == "accepted" for fact in facts) else "stored"
