"""The knowledge graph: known completions in SQL, ties in memory."""

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from anyio import to_thread
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import chunked
from app.db.graph import Graph, GraphBuilder
from app.db.session import Database
from app.db.tables import GRAPH, Item, Stamp, mine
from app.db.tables import Fact as FactRow
from app.db.ties import find_ties
from app.ports import CompletionQuery, Tie
from app.remembered import Remembered
from app.tenancy import current_tenant

_log = logging.getLogger(__name__)
MAX_HISTORY = 500
"""Items of the history that are looked at for ties, newest first."""

_PIECE = 20_000
_GRAPHS = 16
"""Tenants whose graphs are held at once; the one that was not asked for longest makes room."""


class FactRepository:
    """Implements `app.stored.Facts`. Holds the graphs of the versions that are stored, read at the first need."""

    def __init__(self, database: Database, kept: Remembered[str | None], versions: Remembered[int]) -> None:
        """`kept` holds the entities of items, `versions` those of the graph."""
        self._database = database
        self._entities = kept
        self._versions = versions
        self._graphs: OrderedDict[int, Graph] = OrderedDict()
        self._reading = asyncio.Lock()

    async def completions(self, query: CompletionQuery) -> frozenset[str]:
        """Give every id that completes the query to a stored fact."""
        given = {"head": query.head, "relation": query.relation, "tail": query.tail}
        conditions = [getattr(FactRow, part) == value for part, value in given.items() if value is not None]
        statement = select(getattr(FactRow, query.target)).where(mine(FactRow), *conditions).distinct()
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def ties(self, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[Mapping[str, Sequence[Tie]]]:
        """Tie the items of each pair to the newest part of its history; see `find_ties`."""
        recent = [(items, history[:MAX_HISTORY]) for items, history in pairs]
        ids = {item_id for pair in recent for part in pair for item_id in part}
        entities = await self._entities.get(ids, self._entities_of)
        graph = await self._graph_of(await self._version())
        cases = [(_by_entity(items, entities), _by_entity(history, entities)) for items, history in recent]
        return [find_ties(graph, items, history) for items, history in cases]

    async def prepare(self) -> None:
        """Read the graph, so that the first explanation need not wait for it."""
        await self._graph_of(await self._version())

    async def _version(self) -> int:
        return (await self._versions.get([GRAPH], self._read_version))[GRAPH]

    async def _read_version(self, names: Collection[str]) -> dict[str, int]:
        async with self._database.reading() as connection:
            version = await _version(connection)
        return dict.fromkeys(names, version)

    async def _entities_of(self, item_ids: Collection[str]) -> dict[str, str | None]:
        """Give the entities of items; None where there is none."""
        found: dict[str, str | None] = dict.fromkeys(item_ids)
        async with self._database.reading() as connection:
            for chunk in chunked(item_ids):
                statement = select(Item.item_id, Item.entity_id).where(mine(Item), Item.item_id.in_(chunk))
                found.update((row[0], row[1]) for row in await connection.execute(statement))
        return found

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
            last = 0
            while piece := (await connection.execute(_facts_after(last))).all():
                last = piece[-1][0]
                builder.add(row[1:] for row in piece)
        graph = await to_thread.run_sync(builder.build, version)
        _log.info("the graph was read", extra={"version": version, "seconds": round(time.perf_counter() - began, 2)})
        return graph


def _facts_after(last: int) -> Select[int, str, str, str, str]:
    """Read the next piece of the facts, in the order in which they were stored."""
    columns = (FactRow.id, FactRow.head, FactRow.relation, FactRow.tail, FactRow.origin)
    # `+ 0` keeps SQLite from an index by tenant, after which it would sort all facts for each piece.
    ours = FactRow.tenant_id + 0 == current_tenant()
    return select(*columns).where(ours, FactRow.id > last).order_by(FactRow.id).limit(_PIECE)


async def _version(connection: AsyncConnection) -> int:
    statement = select(Stamp.value).where(mine(Stamp), Stamp.name == GRAPH)
    return (await connection.execute(statement)).scalar_one_or_none() or 0


def _by_entity(item_ids: Iterable[str], entities: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Group items by their entity, keeping their order; items without an entity are left out."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for item_id in dict.fromkeys(item_ids):
        entity_id = entities.get(item_id)
        if entity_id is not None:
            groups[entity_id].append(item_id)
    return dict(groups)
