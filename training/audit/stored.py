"""Stored facts that tie an item to a history: what the service reads from its database, read from the data set.

As there, two facts meet in one entity ((history, r, e), (item, r, e), or both as tails), or one joins the two. All
splits count: a service stores every fact of the data set. Predicted facts are in none of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.indexed import IndexedDataset

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class StoredTie:
    """Facts, as rows, that tie an item to a history item; `fan`: how many facts of the relation meet in the entity."""

    history_item: str
    relation_id: str
    facts: tuple[Triple, ...]
    fan: int


class StoredFacts:
    """The facts of a data set by their ends."""

    def __init__(self, dataset: IndexedDataset) -> None:
        self._items, self._relations = dataset.items, dataset.relations
        self._alignment = dataset.alignment
        self.triples = {(int(h), int(r), int(t)) for part in dataset.triples.values() for h, r, t in part}
        wanted = set(dataset.alignment[dataset.alignment >= 0].tolist())
        self._of: defaultdict[int, list[Triple]] = defaultdict(list)
        self._fans: Counter[tuple[int, int, bool]] = Counter()
        for fact in sorted(self.triples):
            head, relation, tail = fact
            self._fans[relation, tail, False] += 1
            self._fans[relation, head, True] += 1
            for end in {head, tail} & wanted:
                self._of[end].append(fact)

    def ties(self, item: int, history: NDArray[np.int64]) -> list[StoredTie]:
        """Give every tie between an item row and those of a history, other than the item itself."""
        own = int(self._alignment[item])
        if own < 0:
            return []
        met: defaultdict[tuple[int, int, bool], list[tuple[int, Triple]]] = defaultdict(list)
        entities: defaultdict[int, list[int]] = defaultdict(list)
        for old in history.tolist():
            entity = int(self._alignment[old])
            if entity < 0 or old == item or entity == own:
                continue
            entities[entity].append(old)
            for fact in self._of[entity]:
                for end in _ends(fact, entity):
                    met[end].append((old, fact))
        return [tie for fact in self._of[own] for tie in self._of_fact(fact, own, met, entities)]

    def _of_fact(
        self,
        fact: Triple,
        own: int,
        met: defaultdict[tuple[int, int, bool], list[tuple[int, Triple]]],
        entities: defaultdict[int, list[int]],
    ) -> Iterator[StoredTie]:
        for end in _ends(fact, own):
            relation, other, _ = end
            for old in entities.get(other, ()):
                yield self._tie(old, relation, (fact,), 1)
            for old, shared in met.get(end, ()):
                yield self._tie(old, relation, (shared, fact), self._fans[end])

    def _tie(self, old: int, relation: int, facts: tuple[Triple, ...], fan: int) -> StoredTie:
        return StoredTie(self._items.id(old), self._relations.id(relation), facts, fan)


def _ends(fact: Triple, entity: int) -> Iterator[tuple[int, int, bool]]:
    """Give relation, other end, and whether that is the head, as seen from one end of a fact."""
    head, relation, tail = fact
    if head == entity:
        yield relation, tail, False
    if tail == entity:
        yield relation, head, True
