"""Ties between items and a history, found in a graph: pairs of facts that meet in one entity, and direct facts.

Nothing is looked up before it is asked for, by item and relation: of an item with facts under ten relations, three ties
of the heaviest one are all that a reason tells. The facts of an item lead to the entities that share one with it (the
peers of each fact stand side by side in the graph), and one array tells which of those are in the history.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from app.db.graph import Ends, Graph, Peers, Rows
from app.ports import Fact, Tie

ByEntity = Mapping[str, list[str]]
"""Items by the entity they are aligned with."""

_TIES_PER_RELATION = 6
_PEERS = 4_096
"""Peers that are looked up at once, and kept for the next who is told of the item; most relations have fewer."""
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
        self._entities = {item: entity for entity, those in items.items() for item in those}
        past = graph.rows(history)
        # The place of each entity in the history, newest first; -1 where it is not in it.
        places = np.full(len(graph.entity_ids), -1, dtype=np.int32)
        places[past] = np.arange(len(past))
        self._sides = tuple(
            _Side(graph, ends, opposite, side, places, history)
            for ends, opposite, side in (
                (graph.from_heads, graph.from_tails, _TAIL),
                (graph.from_tails, graph.from_heads, _HEAD),
            )
        )
        self._graph = graph

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
        self._spans = [side.spans(row) for side in sides] if row is not None else []
        self._all: list[Tie] | None = None

    @property
    def relations(self) -> list[str]:
        """The relations under which the item has facts."""
        return [self._graph.relation_ids[row] for row in {row for spans in self._spans for row in spans}]

    def under(self, relation_ids: Collection[str]) -> list[Tie]:
        """Find the ties of some relations, in the order in which they stand among all."""
        chosen = sorted(self._graph.relation_rows[relation_id] for relation_id in relation_ids)
        return self._found(chosen)

    def _found(self, chosen: Sequence[int]) -> list[Tie]:
        found: list[Tie] = []
        for side, spans in zip(self._sides, self._spans, strict=False):
            mine = [spans[row] for row in chosen if row in spans]
            for find in (side.direct, side.shared):
                for span in mine:
                    found += find(self._item_id, self._row or 0, span)
        return found

    def _everything(self) -> list[Tie]:
        if self._all is None:
            self._all = self._found(sorted({row for spans in self._spans for row in spans}))
        return self._all

    @overload
    def __getitem__(self, place: int) -> Tie: ...
    @overload
    def __getitem__(self, place: slice) -> list[Tie]: ...
    def __getitem__(self, place: int | slice) -> Tie | list[Tie]:
        return self._everything()[place]

    def __len__(self) -> int:
        return len(self._everything())


_HEAD: Side = "head"
_TAIL: Side = "tail"


@dataclass(frozen=True, slots=True)
class _Side:
    """The graph as seen from one end of its facts; `side` is where their other ends stand."""

    graph: Graph
    ends: Ends
    opposite: Ends
    side: Side
    places: NDArray[np.int32]
    history: ByEntity

    def spans(self, row: int) -> dict[int, tuple[int, int]]:
        """Give by relation where the facts of an entity begin and end."""
        start, end = int(self.ends.starts[row]), int(self.ends.starts[row + 1])
        if start == end:
            return {}
        relations = self.ends.keys[start:end] // len(self.graph.entity_ids)
        edges = [0, *(np.flatnonzero(relations[1:] != relations[:-1]) + 1).tolist(), end - start]
        kinds = relations[edges[:-1]].tolist()
        return {kind: (start + edges[k], start + edges[k + 1]) for k, kind in enumerate(kinds)}

    def direct(self, item: str, row: int, span: tuple[int, int]) -> Iterator[Tie]:
        """Facts from the item's entity to that of a history item."""
        others = self.ends.keys[slice(*span)] % len(self.graph.entity_ids)
        for at in np.flatnonzero(self.places[others] >= 0).tolist():
            key, accepted = int(self.ends.keys[span[0] + at]), bool(self.ends.accepted[span[0] + at])
            for old in self.history[self._id(int(others[at]))]:
                yield self._tie(item, old, [(row, key)], 1, accepted)

    def shared(self, item: str, row: int, span: tuple[int, int]) -> Iterator[Tie]:
        """Pairs of facts that meet in one entity: the most specific first, of equals the newest of the history."""
        used: dict[str, Tie] = {}
        for place, other_place, other in self._meetings(row, span):
            key, fan = int(self.ends.keys[place]), int(self.ends.fans[place])
            accepted = bool(self.ends.accepted[place]) or bool(self.opposite.accepted[other_place])
            for old in self.history[self._id(other)]:
                if len(used) < _TIES_PER_RELATION and old not in used:
                    used[old] = self._tie(item, old, [(other, key), (row, key)], fan, accepted)
            if len(used) == _TIES_PER_RELATION:
                break
        yield from used.values()

    def _meetings(self, row: int, span: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
        """Give (place of the item's fact, place of the other as seen from the shared entity, other entity's row)."""
        for piece in self._pieces(row, span):
            newest = self.places[piece.others]
            met = np.flatnonzero(newest >= 0)
            if len(met) > 1:
                met = met[np.lexsort((newest[met], piece.ranks[met]))]
            if len(met):
                yield from zip(
                    piece.facts[met].tolist(), piece.peers[met].tolist(), piece.others[met].tolist(), strict=True
                )

    def _pieces(self, row: int, span: tuple[int, int]) -> Iterator[Peers]:
        """Give the peers of an item's facts under one relation, the most specific first; those of a popular item again.

        Two editions of one work share all their facts: a fact is no tie with itself, and the entity no peer of its own.
        """
        kept = self.graph.peers.get((self.side, span[0]))
        if kept is not None:
            yield kept
            return
        order = span[0] + np.argsort(self.ends.fans[slice(*span)], kind="stable")
        totals = np.cumsum(self.ends.fans[order], dtype=np.int64)
        if totals[-1] <= _PEERS:
            whole = self._peers(row, order)
            self.graph.peers.keep((self.side, span[0]), whole)
            yield whole
            return
        pieces = totals // _PEERS
        for piece in np.split(order, np.flatnonzero(pieces[1:] != pieces[:-1]) + 1):
            yield self._peers(row, piece)

    def _peers(self, row: int, facts: Rows) -> Peers:
        ranks, places = _ranges(self.ends.peers[facts], self.ends.fans[facts])
        others = self.opposite.keys[places] % len(self.graph.entity_ids)
        foreign = others != row
        columns = (part[foreign].astype(np.int32) for part in (ranks, facts[ranks], places, others))
        return Peers(*columns)

    def _tie(self, item: str, old: str, facts: list[tuple[int, int]], fan: int, accepted: bool) -> Tie:
        triples = tuple(self._fact(entity, key) for entity, key in facts)
        return Tie(item, old, triples[0][1], triples, fan, "accepted" if accepted else "stored")

    def _fact(self, row: int, key: int) -> Fact:
        relation_row, other_row = self.graph.split(key)
        entity, relation, other = self._id(row), self.graph.relation_ids[relation_row], self._id(other_row)
        return (entity, relation, other) if self.side == "tail" else (other, relation, entity)

    def _id(self, row: int) -> str:
        return self.graph.entity_ids[row]


def _ranges(begins: NDArray[np.int32], counts: NDArray[np.int32]) -> tuple[Rows, Rows]:
    """Give for many ranges the position of each of their members' range, and the members."""
    owners = np.repeat(np.arange(len(counts)), counts)
    offsets = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owners, np.repeat(begins, counts) + offsets
