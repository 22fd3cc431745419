"""Ties between items and a history, found in a graph: pairs of facts that meet in one entity, and direct facts.

Facts that meet have one key, the relation and the shared entity together, and keys are numbered. So the facts of the
history mark their keys once, and one look at the marks tells which facts of all items meet any of them. Which of the
history they meet is looked up by item and relation, when it is asked for: of an item with facts under ten relations,
three ties of the heaviest one are all that a reason tells.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from app.db.graph import Ends, Graph, Rows
from app.ports import Fact, Tie

ByEntity = Mapping[str, list[str]]
"""Items by the entity they are aligned with."""

_TIES_PER_RELATION = 6
Side = Literal["head", "tail"]


def find_ties(graph: Graph, items: ByEntity, history: ByEntity) -> "Ties":
    """Tie items to a history. Items without a tie are left out.

    At most six shared ties for each item, relation and side: those whose entity has the fewest facts (the most
    specific), then those of the newest history items, each of another history item. `history` is newest first.
    """
    return Ties(graph, items, history)


class Ties(Mapping[str, Sequence[Tie]]):
    """The ties of items by their ids. `get` finds nothing yet: it gives a sequence that looks when it is looked at."""

    def __init__(self, graph: Graph, items: ByEntity, history: ByEntity) -> None:
        self._graph = graph
        self._entities = {item: entity for entity, those in items.items() for item in those}
        near, past = graph.rows(items), graph.rows(history)
        self._sides = (
            _Side(graph, graph.from_heads, "tail", near, past, history),
            _Side(graph, graph.from_tails, "head", near, past, history),
        )

    def get(self, item_id: str, default: object = None) -> "TiesOfItem":
        """Give what finds the ties of an item; it may turn out to be empty."""
        entity = self._entities.get(item_id)
        row = None if entity is None else self._graph.entity_rows.get(entity)
        return TiesOfItem(self._graph, self._sides, item_id, row)

    def __getitem__(self, item_id: str) -> list[Tie]:
        found = list(self.get(item_id))
        if not found:
            raise KeyError(item_id)
        return found

    def __iter__(self) -> Iterator[str]:
        return (item_id for item_id in self._entities if len(self.get(item_id)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class TiesOfItem(Sequence[Tie]):
    """The ties of one item: all of them as a sequence, or those of some relations."""

    def __init__(self, graph: Graph, sides: "tuple[_Side, ...]", item_id: str, row: int | None) -> None:
        self._graph, self._sides, self._item_id, self._row = graph, sides, item_id, row

    @cached_property
    def _relations(self) -> set[int]:
        row = self._row
        return set() if row is None else {kind for side in self._sides for kind in side.relations.get(row, ())}

    @property
    def relations(self) -> list[str]:
        """The relations under which facts of the item meet any of the history."""
        return [self._graph.relation_ids[row] for row in self._relations]

    def under(self, relation_ids: Collection[str]) -> list[Tie]:
        """Find the ties of some relations, in the order in which they stand among all."""
        return self._found(sorted(self._graph.relation_rows[relation_id] for relation_id in relation_ids))

    def _found(self, chosen: Sequence[int]) -> list[Tie]:
        row, found = self._row, list[Tie]()
        if row is None:
            return found
        for side in self._sides:
            for relation in chosen:
                found += side.direct(self._item_id, row, relation)
            for relation in chosen:
                found += side.shared(self._item_id, row, relation)
        return found

    @cached_property
    def _everything(self) -> list[Tie]:
        return self._found(sorted(self._relations))

    @overload
    def __getitem__(self, place: int) -> Tie: ...
    @overload
    def __getitem__(self, place: slice) -> list[Tie]: ...
    def __getitem__(self, place: int | slice) -> Tie | list[Tie]:
        return self._everything[place]

    def __len__(self) -> int:
        return len(self._everything)


class _Side:
    """The graph as seen from one end of its facts, for one history; `side` is where their other ends stand.

    `near` and `past` are the rows of the entities of items and of the history, the newest of the latter first.
    """

    def __init__(self, graph: Graph, ends: Ends, side: Side, near: Rows, past: Rows, history: ByEntity) -> None:
        self._graph, self._ends, self._side = graph, ends, side
        self._near, self._past, self._history = near, past, history
        self._known: dict[int, list[tuple[int, bool]]] = {}

    @cached_property
    def relations(self) -> dict[int, set[int]]:
        """The relations under which facts of an entity, by its row, meet any of the history."""
        found: dict[int, set[int]] = {}
        for row, relation in (*self._shared.spans, *self._direct.spans):
            found.setdefault(row, set()).add(relation)
        return found

    def direct(self, item: str, row: int, relation: int) -> list[Tie]:
        """Facts from the item's entity to that of a history item."""
        places = self._direct.of(row, relation)
        if places is None:
            return []
        found = []
        for key, accepted in zip(*self._columns(places, self._ends.keys, self._ends.accepted), strict=True):
            other = self._graph.split(key)[1]
            facts = (self._fact(row, relation, other),)
            found += [self._tie(item, old, facts, 1, accepted) for old in self._history[self._graph.entity_ids[other]]]
        return found

    def shared(self, item: str, row: int, relation: int) -> list[Tie]:
        """Pairs of facts that meet in one entity: the most specific first, of equals the newest of the history.

        Two editions of one work share all their facts: a fact is no tie with itself.
        """
        places, used = self._shared.of(row, relation), dict[str, Tie]()
        if places is None:
            return []
        ends, names = self._ends, self._graph.entity_ids
        if len(places) > 1:
            places = places[np.argsort(ends.fans[places], kind="stable")]
        columns = self._columns(places, ends.keys, ends.fans, ends.accepted, ends.groups)
        for key, fan, mine, group in zip(*columns, strict=True):
            meeting = self._graph.split(key)[1]
            own = self._fact(row, relation, meeting)
            for other, accepted in self._members(group):
                for old in self._history[names[other]] if other != row else ():
                    if old not in used:
                        facts = (self._fact(other, relation, meeting), own)
                        used[old] = self._tie(item, old, facts, fan, mine or accepted)
                        if len(used) == _TIES_PER_RELATION:
                            return list(used.values())
        return list(used.values())

    @staticmethod
    def _columns(places: Rows, *columns: NDArray[Any]) -> list[list[Any]]:
        return [column[places].tolist() for column in columns]

    @cached_property
    def _past_facts(self) -> tuple[Rows, Rows, NDArray[np.int32]]:
        """Facts of the history, newest first: the place of each one's entity in `past`, its own, and its group."""
        owners, places = self._ends.of(self._past)
        return owners, places, self._ends.groups[places]

    def _members(self, group: int) -> list[tuple[int, bool]]:
        """Give the row of an entity and whether its fact was accepted, for the newest of the history in a group.

        One more than can be used, as one may be the item's own entity.
        """
        if group not in self._known:
            owners, places, groups = self._past_facts
            chosen = (groups == group).nonzero()[0][: _TIES_PER_RELATION + 1]
            rows, accepted = self._past[owners[chosen]], self._ends.accepted[places[chosen]]
            self._known[group] = list(zip(rows.tolist(), accepted.tolist(), strict=True))
        return self._known[group]

    @cached_property
    def _facts(self) -> tuple[Rows, Rows]:
        owners, places = self._ends.of(self._near)
        return self._near[owners], places

    @cached_property
    def _shared(self) -> "_Parted":
        """The places of the items' facts that meet any of the history, by entity and relation, in the order of keys."""
        marked = np.zeros(self._ends.n_groups, dtype=np.bool_)
        marked[self._past_facts[2]] = True
        return self._by_relation(marked[self._ends.groups[self._facts[1]]])

    @cached_property
    def _direct(self) -> "_Parted":
        """The same of facts whose other end is in the history."""
        marked = np.zeros(len(self._graph.entity_ids), dtype=np.bool_)
        marked[self._past] = True
        return self._by_relation(marked[self._ends.keys[self._facts[1]] % max(1, len(marked))])

    def _by_relation(self, chosen: NDArray[np.bool_]) -> "_Parted":
        """Part the chosen facts of the items, which stand in the order of entities, relations and other ends."""
        rows, places = (column[chosen] for column in self._facts)
        relations = self._ends.keys[places] // max(1, len(self._graph.entity_ids))
        edges = ((rows[1:] != rows[:-1]) | (relations[1:] != relations[:-1])).nonzero()[0] + 1
        starts = np.concatenate([np.zeros(min(1, len(rows)), np.int64), edges])
        names = zip(rows[starts].tolist(), relations[starts].tolist(), strict=True)
        return _Parted(dict(zip(names, pairwise([*starts.tolist(), len(rows)]), strict=True)), places)

    def _tie(self, item: str, old: str, facts: tuple[Fact, ...], fan: int, accepted: bool) -> Tie:
        return Tie(item, old, facts[0][1], facts, fan, "accepted" if accepted else "stored")

    def _fact(self, row: int, relation: int, other: int) -> Fact:
        names, kind = self._graph.entity_ids, self._graph.relation_ids[relation]
        return (names[row], kind, names[other]) if self._side == "tail" else (names[other], kind, names[row])


@dataclass(frozen=True, slots=True)
class _Parted:
    """Places of facts, those of one entity and relation beside each other."""

    spans: dict[tuple[int, int], tuple[int, int]]
    places: Rows

    def of(self, row: int, relation: int) -> Rows | None:
        span = self.spans.get((row, relation))
        return None if span is None else self.places[span[0] : span[1]]
