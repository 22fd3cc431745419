"""The knowledge graph, read and changed by rows."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import GRAPH, LABELS, Entity, Item, Relation, Stamp, mine
from app.db.tables import Fact as FactRow
from app.db.upsert import raise_stamp, upsert
from app.errors import UnknownEntity, UnknownFact, UnknownRelation
from app.knowledge import AddedFacts, FactPattern, Labelled, RejectedFact, StoredEntity, StoredFact
from app.ports import Fact, Role

MAX_ITEMS = 100
"""Items that are told of one entity."""

_PIECE = 20_000
_PARTS: tuple[Role, ...] = ("head", "relation", "tail")


class KnowledgeRepository:
    """Implements `app.knowledge.Knowledge` and `app.knowledge.EntityLabels`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entity(self, entity_id: str) -> StoredEntity:
        """Give an entity."""
        found = select(Entity.label).where(mine(Entity), Entity.entity_id == entity_id)
        there = (mine(Item), Item.entity_id == entity_id, Item.deleted_at.is_(None))
        items = select(Item.item_id).where(*there).order_by(Item.item_id).limit(MAX_ITEMS)
        ends = or_(FactRow.head == entity_id, FactRow.tail == entity_id)
        count = select(func.count()).select_from(FactRow).where(mine(FactRow), ends)
        async with self._database.reading() as connection:
            row = (await connection.execute(found)).first()
            if row is None:
                raise UnknownEntity(entity_id)
            item_ids = (await connection.execute(items)).scalars()
            return StoredEntity(entity_id, row[0], tuple(item_ids), (await connection.execute(count)).scalar_one())

    async def relations(self, limit: int, after: str) -> Sequence[Labelled]:
        """Give the relations after an id."""
        statement = select(Relation.relation_id, Relation.label).where(mine(Relation), Relation.relation_id > after)
        async with self._database.reading() as connection:
            rows = await connection.execute(statement.order_by(Relation.relation_id).limit(limit))
            return [(row[0], row[1]) for row in rows]

    async def facts(self, pattern: FactPattern, limit: int, after: int) -> Sequence[StoredFact]:
        """Give the facts of a pattern after a row."""
        given = {part: value for part in _PARTS if (value := getattr(pattern, part)) is not None}
        conditions = [getattr(FactRow, part) == value for part, value in given.items()]
        statement = _labelled_facts().where(mine(FactRow), FactRow.id > after, *conditions)
        async with self._database.reading() as connection:
            await _check(connection, given)
            rows = await connection.execute(statement.order_by(FactRow.id).limit(limit))
            return [StoredFact(row[0], (row[1], row[2], row[3]), _origin(row[4]), tuple(row[5:8])) for row in rows]

    async def add(self, facts: Sequence[Fact], create_entities: bool) -> AddedFacts:
        """Store facts in one transaction."""
        async with self._database.writing() as connection:
            relations = await _stored(connection, Relation.relation_id, {fact[1] for fact in facts})
            ends = {end for fact in facts if fact[1] in relations for end in (fact[0], fact[2])}
            entities = await _stored(connection, Entity.entity_id, ends)
            if create_entities:
                await _create(connection, ends - entities)
                entities = ends
            rejected = {n: part for n, fact in enumerate(facts) if (part := _unknown(fact, relations, entities))}
            new = await _insert(connection, {fact for n, fact in enumerate(facts) if n not in rejected})
            if new:
                await raise_stamp(connection, GRAPH)
        # A fact that stands in the call twice is new at its first place.
        fresh = set(new)
        duplicates = [n for n, fact in enumerate(facts) if n not in rejected and not _take(fresh, fact)]
        return AddedFacts(len(new), tuple(duplicates), tuple(RejectedFact(n, part) for n, part in rejected.items()))

    async def remove(self, fact: Fact) -> None:
        """Remove a fact."""
        given = zip((FactRow.head, FactRow.relation, FactRow.tail), fact, strict=True)
        statement = delete(FactRow).where(mine(FactRow), *(column == value for column, value in given))
        async with self._database.writing() as connection:
            if (await connection.execute(statement)).rowcount == 0:
                raise UnknownFact(fact)
            await raise_stamp(connection, GRAPH)

    async def version(self) -> int:
        """Give the version of the labels."""
        statement = select(Stamp.value).where(mine(Stamp), Stamp.name == LABELS)
        async with self._database.reading() as connection:
            return (await connection.execute(statement)).scalar_one_or_none() or 0

    async def labels(self) -> AsyncIterator[Sequence[Labelled]]:
        """Give all entities with their labels."""
        last = ""
        while True:
            after = (mine(Entity), Entity.entity_id > last)
            statement = select(Entity.entity_id, Entity.label).where(*after).order_by(Entity.entity_id).limit(_PIECE)
            async with self._database.reading() as connection:
                piece = [(row[0], row[1]) for row in await connection.execute(statement)]
            if not piece:
                return
            yield piece
            last = piece[-1][0]


def _labelled_facts() -> Select[*tuple[Any, ...]]:
    """Facts with the labels of their parts; every fact has all three, by foreign keys."""
    head, tail = aliased(Entity), aliased(Entity)
    columns = (FactRow.id, FactRow.head, FactRow.relation, FactRow.tail, FactRow.origin)
    named = select(*columns, head.label, Relation.label, tail.label)
    return (
        named.join(head, and_(head.tenant_id == FactRow.tenant_id, head.entity_id == FactRow.head))
        .join(Relation, and_(Relation.tenant_id == FactRow.tenant_id, Relation.relation_id == FactRow.relation))
        .join(tail, and_(tail.tenant_id == FactRow.tenant_id, tail.entity_id == FactRow.tail))
    )


async def _check(connection: AsyncConnection, given: Mapping[Role, str]) -> None:
    for part, external_id in given.items():
        column = Relation.relation_id if part == "relation" else Entity.entity_id
        if not await _stored(connection, column, [external_id]):
            raise UnknownRelation(external_id) if part == "relation" else UnknownEntity(external_id)


async def _stored(connection: AsyncConnection, column: InstrumentedAttribute[str], ids: Collection[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunked(ids):
        statement = select(column).where(mine(column.class_), column.in_(chunk))
        found.update((await connection.execute(statement)).scalars())
    return found


async def _create(connection: AsyncConnection, entity_ids: Collection[str]) -> None:
    if entity_ids:
        statement = upsert(connection.dialect.name, Entity).on_conflict_do_nothing()
        await connection.execute(statement, [{"entity_id": entity_id} for entity_id in sorted(entity_ids)])
        await raise_stamp(connection, LABELS)


def _unknown(fact: Fact, relations: Collection[str], entities: Collection[str]) -> Role | None:
    """Name the first part of a fact that is not stored; the relation before the ends."""
    head, relation, tail = fact
    if relation not in relations:
        return "relation"
    return "head" if head not in entities else "tail" if tail not in entities else None


async def _insert(connection: AsyncConnection, facts: Collection[Fact]) -> list[Fact]:
    if not facts:
        return []
    statement: Any = upsert(connection.dialect.name, FactRow).on_conflict_do_nothing()
    statement = statement.returning(FactRow.head, FactRow.relation, FactRow.tail)
    rows = [{"head": head, "relation": relation, "tail": tail} for head, relation, tail in sorted(facts)]
    return [(row[0], row[1], row[2]) for row in await connection.execute(statement, rows)]


def _take(facts: set[Fact], fact: Fact) -> bool:
    """Remove a fact from a set; whether it was there."""
    if fact in facts:
        facts.remove(fact)
        return True
    return False


def _origin(text: str) -> Any:
    """A check of the table lets nothing but `stored` and `accepted` in."""
    return text
