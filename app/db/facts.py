"""The knowledge graph: known completions, and the facts that tie items to a history.

Ties are found in three steps, each bounded: the facts that touch the items' entities; facts of the history's entities
that end where those end (at most four for each end); then, only for the ends that matched, how many facts they have.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import Fact as FactRow
from app.db.tables import Item
from app.db.ties import Shared, Side, StoredFact, direct_ties, shared_ties, sides
from app.ports import CompletionQuery, Tie

MAX_HISTORY = 500
"""Items of the history that are looked at for ties, newest first."""

_FACTS_PER_END = 4
_MAX_FANS = 200_000
_FANS_SECONDS = 300.0
_COLUMNS = (FactRow.head, FactRow.relation, FactRow.tail, FactRow.origin)


class FactRepository:
    """Implements `app.stored.Facts`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fans = _Fans()

    async def completions(self, query: CompletionQuery) -> frozenset[str]:
        """Give every id that completes the query to a stored fact."""
        given = {"head": query.head, "relation": query.relation, "tail": query.tail}
        conditions = [getattr(FactRow, part) == value for part, value in given.items() if value is not None]
        statement = select(getattr(FactRow, query.target)).where(*conditions).distinct()
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def ties(self, item_ids: Sequence[str], history: Sequence[str]) -> Mapping[str, list[Tie]]:
        """Tie items to the newest part of the history, by direct facts and by their most specific shared entities.

        At most six shared ties for each item and relation, all of different history items. A pair of items on one
        entity (two editions) gets no tie from its own facts.
        """
        recent = history[:MAX_HISTORY]
        async with self._database.reading() as connection:
            entities = await _entities_of(connection, [*item_ids, *recent])
            items, past = _by_entity(item_ids, entities), _by_entity(recent, entities)
            near = await _facts_touching(connection, items)
            far = await _facts_ending_at(connection, past, _ends(near, items))
            fans = await self._fans.count(connection, {key for fact in far for key, _ in sides(fact, past)})
        ties: defaultdict[str, list[Tie]] = defaultdict(list)
        for tie in [*direct_ties(near, items, past), *shared_ties(near, far, fans, items, past)]:
            ties[tie.item_id].append(tie)
        return dict(ties)


class _Fans:
    """Numbers of stored facts by (side, relation, shared entity).

    Counting a hub reads all of its facts, and every user meets the same hubs, so counts are kept for five minutes.
    They order evidence by how specific it is; they never decide what is true.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._counts: dict[Shared, int] = {}
        self._entities: dict[Side, set[str]] = {"head": set(), "tail": set()}
        self._since = time.monotonic()

    async def count(self, connection: AsyncConnection, keys: Collection[Shared]) -> Mapping[Shared, int]:
        """Count the facts of each key; keys without facts are left out."""
        if len(self._counts) > _MAX_FANS or time.monotonic() - self._since > _FANS_SECONDS:
            self._forget()
        counts, entities = self._counts, self._entities
        columns: list[tuple[Side, InstrumentedAttribute[str]]] = [("head", FactRow.head), ("tail", FactRow.tail)]
        for side, column in columns:
            for chunk in chunked({entity for at, _, entity in keys if at == side} - entities[side]):
                statement = select(FactRow.relation, column, func.count()).where(column.in_(chunk))
                rows = await connection.execute(statement.group_by(column, FactRow.relation))
                counts.update(((side, row[0], row[1]), row[2]) for row in rows)
                entities[side].update(chunk)
        return counts


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


async def _facts_touching(connection: AsyncConnection, entities: Collection[str]) -> list[StoredFact]:
    found: dict[StoredFact, None] = {}
    for chunk in chunked(entities):
        for column in (FactRow.head, FactRow.tail):
            rows = await connection.execute(select(*_COLUMNS).where(column.in_(chunk)))
            found.update(((row[0], row[1], row[2], row[3]), None) for row in rows)
    # A fact from an entity to itself ties nothing to anything.
    return [fact for fact in found if fact[0] != fact[2]]


def _ends(facts: Iterable[StoredFact], items: Collection[str]) -> dict[Side, set[str]]:
    """Give the entities at the other ends of the items' facts, by the side they stand on."""
    ends: dict[Side, set[str]] = {"head": set(), "tail": set()}
    for fact in facts:
        for (side, _, entity), _ in sides(fact, items):
            ends[side].add(entity)
    return ends


async def _facts_ending_at(
    connection: AsyncConnection, past: Collection[str], ends: Mapping[Side, Collection[str]]
) -> list[StoredFact]:
    """Facts of the history's entities that end at one of `ends`; at most four for each relation and end."""
    columns: list[tuple[Side, InstrumentedAttribute[str], InstrumentedAttribute[str]]] = [
        ("tail", FactRow.head, FactRow.tail),
        ("head", FactRow.tail, FactRow.head),
    ]
    found: dict[StoredFact, None] = {}
    for side, near, far in columns:
        for chunk in chunked(past):
            for piece in chunked(ends[side], 5_000):
                # Hidden from the planner: the ends are often hubs, and an index on them reads half of the graph.
                condition = near.in_(chunk) & func.coalesce(far, "").in_(piece)
                found.update(dict.fromkeys(await _first_of_each_end(connection, condition, near, far)))
    return [fact for fact in found if fact[0] != fact[2]]


async def _first_of_each_end(
    connection: AsyncConnection,
    condition: ColumnElement[bool],
    near: InstrumentedAttribute[str],
    far: InstrumentedAttribute[str],
) -> list[StoredFact]:
    place = func.row_number().over(partition_by=(FactRow.relation, far), order_by=near).label("place")
    inner = select(*_COLUMNS, place).where(condition).subquery()
    statement = select(inner.c.head, inner.c.relation, inner.c.tail, inner.c.origin).where(
        inner.c.place <= _FACTS_PER_END
    )
    return [(row[0], row[1], row[2], row[3]) for row in await connection.execute(statement)]
