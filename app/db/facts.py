"""The knowledge graph: known completions, and the facts that tie items to a history."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Fact as FactRow
from app.db.tables import Item
from app.ports import CompletionQuery, Fact, Tie

MAX_HISTORY = 500
"""Items of the history that are looked at for ties, newest first."""

_Side = Literal["head", "tail"]
_StoredFact = tuple[str, str, str, str]  # head, relation, tail, origin
_Shared = tuple[_Side, str, str]  # the side that the shared entity stands on, relation, shared entity

_COLUMNS = (FactRow.head, FactRow.relation, FactRow.tail, FactRow.origin)


class FactRepository:
    """Implements `app.stored.Facts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def completions(self, query: CompletionQuery) -> frozenset[str]:
        """Give every id that completes the query to a stored fact."""
        given = {"head": query.head, "relation": query.relation, "tail": query.tail}
        conditions = [getattr(FactRow, part) == value for part, value in given.items() if value is not None]
        statement = select(getattr(FactRow, query.target)).where(*conditions).distinct()
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def ties(self, item_ids: Sequence[str], history: Sequence[str]) -> Mapping[str, list[Tie]]:
        """Tie items to the newest part of the history by shared entities and direct facts.

        Two indexed steps: facts that touch the items' entities; then, among the entities found at their other ends,
        facts that touch the history's. A pair of items on one entity (two editions) gets no tie from its own facts.
        """
        recent = history[:MAX_HISTORY]
        async with self._database.reading() as connection:
            entities = await _entities_of(connection, [*item_ids, *recent])
            items = _by_entity(item_ids, entities)
            past = _by_entity(recent, entities)
            near = await _facts_touching(connection, items)
            far = await _facts_between(connection, past, _other_ends(near, items))
            shared = _shared_ties(near, far, items, past)
            fans = await _fans(connection, {key for key, *_ in shared})
        direct = _direct_ties(near, items, past)
        ties: defaultdict[str, list[Tie]] = defaultdict(list)
        for tie in [*direct, *_with_fans(shared, fans)]:
            ties[tie.item_id].append(tie)
        return dict(ties)


async def _entities_of(connection: AsyncConnection, item_ids: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in chunked(item_ids):
        statement = select(Item.item_id, Item.entity_id).where(Item.item_id.in_(chunk), Item.entity_id.is_not(None))
        found.update((row[0], row[1]) for row in await connection.execute(statement) if row[1] is not None)
    return found


def _by_entity(item_ids: Iterable[str], entities: Mapping[str, str]) -> dict[str, list[str]]:
    """Group items by their entity, keeping their order; items without an entity are left out."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for item_id in dict.fromkeys(item_ids):
        if item_id in entities:
            groups[entities[item_id]].append(item_id)
    return dict(groups)


async def _facts_touching(connection: AsyncConnection, entities: Collection[str]) -> list[_StoredFact]:
    found: dict[_StoredFact, None] = {}
    for chunk in chunked(entities):
        for column in (FactRow.head, FactRow.tail):
            found.update(dict.fromkeys(await _select(connection, column.in_(chunk))))
    # A fact from an entity to itself ties nothing to anything.
    return [fact for fact in found if fact[0] != fact[2]]


async def _select(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[_StoredFact]:
    rows = await connection.execute(select(*_COLUMNS).where(*conditions))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _other_ends(facts: Iterable[_StoredFact], items: Collection[str]) -> dict[_Side, set[str]]:
    """Give the entities at the other ends of the items' facts, by the side they stand on."""
    ends: dict[_Side, set[str]] = {"head": set(), "tail": set()}
    for head, _, tail, _ in facts:
        if head in items:
            ends["tail"].add(tail)
        if tail in items:
            ends["head"].add(head)
    return ends


async def _facts_between(
    connection: AsyncConnection, past: Collection[str], ends: Mapping[_Side, Collection[str]]
) -> list[_StoredFact]:
    """Facts of the history's entities whose other end is one of `ends`, on the same side."""
    sides: list[tuple[_Side, InstrumentedAttribute[str], InstrumentedAttribute[str]]] = [
        ("tail", FactRow.head, FactRow.tail),
        ("head", FactRow.tail, FactRow.head),
    ]
    found: dict[_StoredFact, None] = {}
    for side, near_column, far_column in sides:
        for chunk in chunked(past):
            for end_chunk in chunked(ends[side]):
                rows = await _select(connection, near_column.in_(chunk), far_column.in_(end_chunk))
                found.update(dict.fromkeys(rows))
    return [fact for fact in found if fact[0] != fact[2]]


def _sides(fact: _StoredFact, entities: Collection[str]) -> Iterable[tuple[_Shared, str]]:
    """Read a fact from each of its ends that is in `entities`: the key of its other end, and this end."""
    head, relation, tail, _ = fact
    if head in entities:
        yield ("tail", relation, tail), head
    if tail in entities:
        yield ("head", relation, head), tail


def _shared_ties(
    near: Iterable[_StoredFact],
    far: Iterable[_StoredFact],
    items: Mapping[str, list[str]],
    past: Mapping[str, list[str]],
) -> list[tuple[_Shared, str, str, tuple[_StoredFact, _StoredFact]]]:
    """Join both lists of facts on the shared entity: (key, item, history item, the two facts)."""
    by_key: defaultdict[_Shared, list[tuple[str, _StoredFact]]] = defaultdict(list)
    for fact in far:
        for key, entity in _sides(fact, past):
            by_key[key].append((entity, fact))
    joined = []
    for fact in near:
        for key, entity in _sides(fact, items):
            for other, other_fact in by_key.get(key, ()):
                if other != entity:
                    pair = (other_fact, fact)
                    joined += [(key, item, old, pair) for item in items[entity] for old in past[other]]
    return joined


async def _fans(connection: AsyncConnection, keys: Collection[_Shared]) -> dict[_Shared, int]:
    """Count the stored facts of each (side, relation, shared entity)."""
    fans: dict[_Shared, int] = {}
    columns: list[tuple[_Side, InstrumentedAttribute[str]]] = [("head", FactRow.head), ("tail", FactRow.tail)]
    for side, column in columns:
        for chunk in chunked({entity for key_side, _, entity in keys if key_side == side}):
            statement = select(FactRow.relation, column, func.count()).where(column.in_(chunk))
            rows = await connection.execute(statement.group_by(FactRow.relation, column))
            fans.update(((side, row[0], row[1]), row[2]) for row in rows)
    return fans


def _with_fans(
    shared: Iterable[tuple[_Shared, str, str, tuple[_StoredFact, _StoredFact]]], fans: Mapping[_Shared, int]
) -> Iterable[Tie]:
    for key, item, old, facts in shared:
        yield Tie(item, old, key[1], tuple(_triple(f) for f in facts), fans[key], _origin(facts))


def _direct_ties(
    near: Iterable[_StoredFact], items: Mapping[str, list[str]], past: Mapping[str, list[str]]
) -> Iterable[Tie]:
    for fact in near:
        for (_, relation, other), entity in _sides(fact, items):
            for old in past.get(other, ()):
                for item in items[entity]:
                    yield Tie(item, old, relation, (_triple(fact),), 1, _origin((fact,)))


def _triple(fact: _StoredFact) -> Fact:
    return fact[:3]


def _origin(facts: Iterable[_StoredFact]) -> Literal["stored", "accepted"]:
    """One accepted fact makes the whole tie rest on a person's decision."""
    return "accepted" if any(fact[3] == "accepted" for fact in facts) else "stored"
