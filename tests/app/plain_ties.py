"""All ties of all items at once, found the long way: what the service's own way is held against."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.db.graph import Ends, Graph, Rows
from app.ports import Fact, Tie

ByEntity = Mapping[str, list[str]]
"""Items by the entity they are aligned with."""

_TIES_PER_RELATION = 6
Side = Literal["head", "tail"]


def find_ties(graph: Graph, items: ByEntity, history: ByEntity) -> dict[str, list[Tie]]:
    """Tie items to a history. Items without a tie are left out.

    At most six shared ties for each item, relation and side: those whose entity has the fewest facts (the most
    specific), then those of the newest history items, each of another history item. `history` is newest first.
    """
    near, past = graph.rows(items), graph.rows(history)
    ties: defaultdict[str, list[Tie]] = defaultdict(list)
    for ends, side in ((graph.from_heads, "tail"), (graph.from_tails, "head")):
        view = _View(graph, ends, "tail" if side == "tail" else "head", items, history)
        for tie in (*view.direct(near, past), *view.shared(near, past)):
            ties[tie.item_id].append(tie)
    return dict(ties)


@dataclass(frozen=True, slots=True)
class _View:
    """The graph as seen from one end of its facts; `side` is where their other ends stand."""

    graph: Graph
    ends: Ends
    side: Side
    items: ByEntity
    history: ByEntity

    def direct(self, near: Rows, past: Rows) -> Iterator[Tie]:
        """Facts from an item's entity to that of a history item."""
        owners, places = self.ends.of(near)
        others = self.ends.keys[places] % len(self.graph.entity_ids)
        for at in np.flatnonzero(np.isin(others, past)):
            place, entity = int(places[at]), self._id(int(near[owners[at]]))
            other = self._id(int(others[at]))
            for item in self.items[entity]:
                for old in self.history[other]:
                    yield self._tie(item, old, [(entity, place)], 1)

    def shared(self, near: Rows, past: Rows) -> Iterator[Tie]:
        """Pairs of facts that meet in one entity."""
        owners, places = self.ends.of(near)
        meeting = self._meeting(past, np.unique(self.ends.keys[places]))
        met = _is_among(self.ends.keys[places], meeting.keys)
        owners, places = owners[met], places[met]
        groups: defaultdict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
        shared, fans = self.ends.keys[places], self.ends.fans[places].tolist()
        relations = (shared // len(self.graph.entity_ids)).tolist()
        rows = zip(owners.tolist(), relations, fans, shared.tolist(), places.tolist(), strict=True)
        for owner, relation, fan, key, place in rows:
            groups[owner, relation].append((fan, key, place))
        for (owner, _), found in groups.items():
            yield from self._most_specific(self._id(int(near[owner])), sorted(found), meeting)

    def _meeting(self, past: Rows, keys: Rows) -> "_Meeting":
        """Facts of the history by the keys they share with `keys`, newest first."""
        owners, places = self.ends.of(past)
        found = self.ends.keys[places]
        matched = np.flatnonzero(_is_among(found, keys))
        # One more than can be used, as one may be of the item's own entity.
        matched = _first_of_each(found, matched, _TIES_PER_RELATION + 1)
        shared, starts = np.unique(found[matched], return_index=True)
        return _Meeting(shared, starts, past[owners[matched]], places[matched])

    def _most_specific(self, entity: str, found: list[tuple[int, int, int]], meeting: "_Meeting") -> Iterator[Tie]:
        """Tie all items of one entity under one relation; `found` has fan, key and place of each of its facts."""
        used: dict[str, tuple[int, list[tuple[str, int]]]] = {}
        for fan, key, place in found:
            for other_row, other_place in meeting.facts(key):
                other = self._id(other_row)
                # Two editions of one work share all their facts: a fact is no tie with itself.
                for old in self.history[other] if other != entity else ():
                    if len(used) < _TIES_PER_RELATION:
                        used.setdefault(old, (fan, [(other, other_place), (entity, place)]))
            if len(used) == _TIES_PER_RELATION:
                break
        for item in self.items[entity]:
            for old, (fan, facts) in used.items():
                yield self._tie(item, old, facts, fan)

    def _tie(self, item: str, old: str, facts: list[tuple[str, int]], fan: int) -> Tie:
        accepted = any(bool(self.ends.accepted[place]) for _, place in facts)
        triples = tuple(self._fact(entity, place) for entity, place in facts)
        return Tie(item, old, triples[0][1], triples, fan, "accepted" if accepted else "stored")

    def _fact(self, entity: str, place: int) -> Fact:
        relation_row, other_row = self.graph.split(int(self.ends.keys[place]))
        relation, other = self.graph.relation_ids[relation_row], self._id(other_row)
        return (entity, relation, other) if self.side == "tail" else (other, relation, entity)

    def _id(self, row: int) -> str:
        return self.graph.entity_ids[row]


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Facts of the history in the order of their keys: those of `keys[k]` begin at `starts[k]`."""

    keys: Rows
    starts: Rows
    entities: Rows
    places: Rows

    def facts(self, key: int) -> list[tuple[int, int]]:
        """Give entity row and place of each fact under one of the keys."""
        at = int(np.searchsorted(self.keys, key))
        end = self.starts[at + 1] if at + 1 < len(self.starts) else len(self.places)
        span = slice(int(self.starts[at]), int(end))
        return list(zip(self.entities[span].tolist(), self.places[span].tolist(), strict=True))


def _is_among(values: Rows, ordered: Rows) -> NDArray[np.bool_]:
    """Whether each value stands in a sorted array; for a short one much faster than `np.isin`."""
    if not len(ordered):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[at] == values
    return found


def _first_of_each(keys: Rows, chosen: Rows, n: int) -> Rows:
    """Keep the first n of each key among the chosen places of `keys`, in their order."""
    order = np.argsort(keys[chosen], kind="stable")
    ordered = keys[chosen][order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, dtype=np.int64)
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    return chosen[order[rank < n]]
