"""The knowledge graph: known completions in SQL, ties in memory."""

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from anyio import to_thread
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import chunked
from app.db.graph import Graph, GraphBuilder
from app.db.session import Database
from app.db.tables import GRAPH, Item, Stamp, mine
from app.db.tables import Fact as FactRow
from app.db.ties import find_ties
from app.ports import CompletionQuery, Tie
from app.tenancy import current_tenant

_log = logging.getLogger(__name__)
MAX_HISTORY = 500
"""Items of the history that are looked at for ties, newest first."""

_PIECE = 20_000
_GRAPHS = 16
"""Tenants whose graphs are held at once; the one that was not asked for longest makes room."""


class FactRepository:
    """Implements `app.stored.Facts`. Holds the graphs of the versions that are stored, read at the first need."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._graphs: OrderedDict[int, Graph] = OrderedDict()
        self._reading = asyncio.Lock()

    async def completions(self, query: CompletionQuery) -> frozenset[str]:
        """Give every id that completes the query to a stored fact."""
        given = {"head": query.head, "relation": query.relation, "tail": query.tail}
        conditions = [getattr(FactRow, part) == value for part, value in given.items() if value is not None]
        statement = select(getattr(FactRow, query.target)).where(mine(FactRow), *conditions).distinct()
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def ties(self, item_ids: Sequence[str], history: Sequence[str]) -> Mapping[str, list[Tie]]:
        """Tie items to the newest part of the history; see `find_ties`."""
        recent = history[:MAX_HISTORY]
        async with self._database.reading() as connection:
            entities = await _entities_of(connection, [*item_ids, *recent])
            version = await _version(connection)
        graph = await self._graph_of(version)
        items, past = _by_entity(item_ids, entities), _by_entity(recent, entities)
        return await to_thread.run_sync(find_ties, graph, items, past)

    async def prepare(self) -> None:
        """Read the graph, so that the first explanation need not wait for it."""
        async with self._database.reading() as connection:
            version = await _version(connection)
        await self._graph_of(version)

    async def _graph_of(self, version: int) -> Graph:
        tenant = current_tenant()
        async with self._reading:
            graph = self._graphs.get(tenant)
            if graph is None or graph.version != version:
                graph = self._graphs[tenant] = await self._read()
            self._graphs.move_to_end(tenant)
            if len(self._graphs) > _GRAPHS:
                self._graphs.popitem(last=False)
            return graph

    async def _read(self) -> Graph:
        began, builder = time.perf_counter(), GraphBuilder()
        async with self._database.snapshot() as connection:
            # Before the facts: one that is stored meanwhile belongs to the next version, and is read again with it.
            version = await _version(connection)
            rows = await connection.stream(
                select(FactRow.head, FactRow.relation, FactRow.tail, FactRow.origin).where(mine(FactRow))
            )
            async for piece in rows.partitions(_PIECE):
                builder.add(piece)
        graph = await to_thread.run_sync(builder.build, version)
        _log.info("the graph was read", extra={"version": version, "seconds": round(time.perf_counter() - began, 2)})
        return graph


async def _version(connection: AsyncConnection) -> int:
    statement = select(Stamp.value).where(mine(Stamp), Stamp.name == GRAPH)
    return (await connection.execute(statement)).scalar_one_or_none() or 0


async def _entities_of(connection: AsyncConnection, item_ids: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in chunked(item_ids):
        conditions = (mine(Item), Item.item_id.in_(chunk), Item.entity_id.is_not(None))
        statement = select(Item.item_id, Item.entity_id).where(*conditions)
        found.update((row[0], row[1]) for row in await connection.execute(statement) if row[1] is not None)
    return found


def _by_entity(item_ids: Iterable[str], entities: Mapping[str, str]) -> dict[str, list[str]]:
    """Group items by their entity, keeping their order; items without an entity are left out."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for item_id in dict.fromkeys(item_ids):
        if item_id in entities:
            groups[entities[item_id]].append(item_id)
    return dict(groups)
