"""The stored facts of training, and the ties that they make between two items.

A tie is a pair of facts of one relation that meet in one entity on the same side (both films have the same director),
or one fact between the two items themselves. An item's facts are those of the entity that it is aligned with; two
editions of one work share all their facts, and that is no tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.retrieval.ranking import RowLists
from training.data.indexed import IndexedDataset

Rows = NDArray[np.int64]
Fact = tuple[str, str, str]


@dataclass(frozen=True)
class Tie:
    """Two stored facts that meet in an entity, that of the history item first; or one between the items themselves.

    `entity_id` is where the two meet, and None where there is one; `fan` is how many facts of the relation meet there.
    """

    history_item: str
    item_entity_id: str
    relation_id: str
    fan: int
    facts: tuple[Fact, ...]
    entity_id: str | None


class TrainingFacts:
    """The training triples, seen from both ends: each entity has keys, one for each relation, side and other end."""

    def __init__(self, dataset: IndexedDataset) -> None:
        self._dataset = dataset
        self._n = max(1, len(dataset.entities))
        heads, relations, tails = dataset.triples["train"].T
        ends, keys = (
            np.concatenate([heads, tails]),
            np.concatenate([self._key(relations, 0, tails), self._key(relations, 1, heads)]),
        )
        self._keys = RowLists.of_pairs(np.stack([ends, keys], axis=1), len(dataset.entities))
        found, counts = np.unique(keys, return_counts=True)
        self._fans = dict(zip(found.tolist(), counts.tolist(), strict=True))

    def _key(self, relations: Rows, side: int, others: Rows) -> Rows:
        """Number what stands at the other end, as tail (side 0) or as head (side 1) of a relation."""
        return np.asarray((relations * 2 + side) * self._n + others)

    def are_tied(self, items: Rows, relations: Rows, history: Rows) -> NDArray[np.bool_]:
        """Tell which of (n,) items has a tie to the (m,) items of a history under its own one of (n,) relations."""
        entities, past = self._dataset.alignment[items], self._entities_of(history)
        tied = np.zeros(len(items), dtype=np.bool_)
        aligned = np.flatnonzero(entities >= 0)
        owners, keys = self._keys.pairs_of(entities[aligned])
        own = keys // (2 * self._n) == relations[aligned][owners]
        owners, keys = aligned[owners[own]], keys[own]
        _, past_keys = self._keys.pairs_of(past)
        found, counts = np.unique(past_keys, return_counts=True)
        at = np.minimum(np.searchsorted(found, keys), max(0, len(found) - 1))
        # A history item of the item's own entity has all of its keys; it is none of those that it can be tied to.
        others = (
            np.where(found[at] == keys, counts[at], 0) - np.isin(entities[owners], past) if len(found) else 0 * keys
        )
        direct = np.isin(keys % self._n, past) & (keys % self._n != entities[owners])
        tied[owners[(others > 0) | direct]] = True
        return tied

    def ties(self, item: int, history: Rows) -> list[Tie]:
        """Give every tie between an item and the (m,) items of a history, in their order."""
        entity = int(self._dataset.alignment[item])
        own = set(self._keys[entity].tolist()) if entity >= 0 else set()
        found = []
        for old in history.tolist():
            other = int(self._dataset.alignment[old])
            if own and other >= 0 and other != entity:
                shared = sorted(own.intersection(self._keys[other].tolist()))
                found += [self._shared(old, key, (other, entity)) for key in shared]
                found += [self._direct(old, key, entity) for key in sorted(own) if key % self._n == other]
        return found

    def _shared(self, old: int, key: int, ends: Sequence[int]) -> Tie:
        facts = tuple(self._fact(end, key) for end in ends)
        return self._tie(old, ends[1], key, self._fans[key], facts, self._dataset.entities.id(key % self._n))

    def _direct(self, old: int, key: int, entity: int) -> Tie:
        return self._tie(old, entity, key, 1, (self._fact(entity, key),), None)

    def _tie(self, old: int, entity: int, key: int, fan: int, facts: tuple[Fact, ...], meeting: str | None) -> Tie:
        dataset = self._dataset
        relation = dataset.relations.id(key // (2 * self._n))
        return Tie(dataset.items.id(old), dataset.entities.id(entity), relation, fan, facts, meeting)

    def _fact(self, end: int, key: int) -> Fact:
        entities, relation = self._dataset.entities, self._dataset.relations.id(key // (2 * self._n))
        here, there = entities.id(end), entities.id(key % self._n)
        return (here, relation, there) if key // self._n % 2 == 0 else (there, relation, here)

    def _entities_of(self, items: Rows) -> Rows:
        entities = np.unique(self._dataset.alignment[items])
        return entities[entities >= 0]
