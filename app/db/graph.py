"""The stored facts in memory, as arrays of rows: finding ties takes milliseconds here, and up to a second in SQL.

About 34 bytes a fact and its two ends, beside the ids: 15 MB for 430,000 facts. A graph is never changed; a new one
is read when the stored one has another version.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ends:
    """Facts as seen from one end: of the entity at row x, those in `starts[x]` up to `starts[x + 1]`.

    `keys` name relation and other end together; `groups` number the keys, and `fans` count the facts that have the same
    one. `n_groups` is how many there are.
    """

    starts: Rows
    keys: Rows
    groups: NDArray[np.int32]
    fans: NDArray[np.int32]
    accepted: NDArray[np.bool_]
    n_groups: int

    def of(self, entities: Rows) -> tuple[Rows, Rows]:
        """Give the facts of many entities: for each fact the place of its entity in `entities`, and its own place."""
        begins, ends = self.starts[entities], self.starts[entities + 1]
        counts = ends - begins
        owners = np.repeat(np.arange(len(entities)), counts)
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return owners, np.repeat(begins, counts) + offsets


@dataclass(frozen=True, slots=True)
class Graph:
    """All stored facts, from their heads and from their tails."""

    version: int
    entity_ids: Sequence[str]
    relation_ids: Sequence[str]
    entity_rows: dict[str, int]
    relation_rows: dict[str, int]
    from_heads: Ends
    from_tails: Ends

    def rows(self, entity_ids: Iterable[str]) -> Rows:
        """Give the rows of the entities that have any fact."""
        found = (self.entity_rows.get(entity_id) for entity_id in entity_ids)
        return np.fromiter((row for row in found if row is not None), dtype=np.int64)

    def split(self, key: int) -> tuple[int, int]:
        """Give the rows of the relation and of the other end that a key names."""
        return divmod(key, len(self.entity_ids))


class GraphBuilder:
    """Takes facts in pieces, then gives the graph."""

    def __init__(self) -> None:
        self._entities: dict[str, int] = {}
        self._relations: dict[str, int] = {}
        self._columns = (array("i"), array("i"), array("i"))
        self._accepted = bytearray()

    def add(self, facts: Iterable[Sequence[Any]]) -> None:
        """Add facts: head, relation, tail, origin. One from an entity to itself ties nothing, and is left out."""
        entities, relations = self._entities, self._relations
        heads, kinds, tails = self._columns
        for head, relation, tail, origin in facts:
            if head != tail:
                heads.append(entities.setdefault(head, len(entities)))
                kinds.append(relations.setdefault(relation, len(relations)))
                tails.append(entities.setdefault(tail, len(entities)))
                self._accepted.append(origin == "accepted")

    def build(self, version: int) -> Graph:
        """Sort the facts from both ends."""
        heads, kinds, tails = (np.frombuffer(column, dtype=np.int32).astype(np.int64) for column in self._columns)
        accepted = np.frombuffer(bytes(self._accepted), dtype=np.bool_)
        n = len(self._entities)
        return Graph(
            version=version,
            entity_ids=list(self._entities),
            relation_ids=list(self._relations),
            entity_rows=self._entities,
            relation_rows=self._relations,
            from_heads=_ends(heads, kinds * n + tails, accepted, n),
            from_tails=_ends(tails, kinds * n + heads, accepted, n),
        )


def _ends(near: Rows, keys: Rows, accepted: NDArray[np.bool_], n_entities: int) -> Ends:
    order = np.lexsort((keys, near))
    starts = np.zeros(n_entities + 1, dtype=np.int64)
    np.cumsum(np.bincount(near, minlength=n_entities), out=starts[1:])
    keys = keys[order]
    different, groups, counts = np.unique(keys, return_inverse=True, return_counts=True)
    fans = counts[groups].astype(np.int32)
    return Ends(starts, keys, groups.astype(np.int32), fans, accepted[order], len(different))
