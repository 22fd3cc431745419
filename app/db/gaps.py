"""What the graph lacks, by how many people it touches."""

import time
from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, func, literal, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from app.db.chunks import CHUNK, chunked
from app.db.session import Database
from app.db.tables import Event, Interaction, Item, Relation, mine
from app.db.tables import Fact as FactRow
from app.errors import UnknownRelation
from app.review import Gap, GapPage, GapPlace
from app.tenancy import current_tenant

SURVEY_SECONDS = 60.0
"""How long the counts of people and the shares of relations are kept. Which facts are missing is read anew."""

MAX_HEADS = 20_000
"""Heads that are looked at for one page."""

_SURVEYS = 16
_SHOWN = Event.type.in_(("impression", "click"))


@dataclass(frozen=True, slots=True)
class _Survey:
    """Heads by the people they touch, most first, and for each relation the share of item entities that have it."""

    made_at: float
    heads: Sequence[tuple[int, str]]  # (-people, head), sorted
    shares: Mapping[str, float]

    def expected(self, relation: str | None, least_share: float) -> list[str]:
        """Give the relations that an entity is expected to have, those that most have first."""
        chosen = [r for r, share in self.shares.items() if share >= least_share and relation in (None, r)]
        return sorted(chosen, key=lambda r: (-self.shares[r], r))


class GapRepository:
    """Implements `app.review.Gaps`."""

    def __init__(self, database: Database, survey_seconds: float = SURVEY_SECONDS) -> None:
        self._database = database
        self._seconds = survey_seconds
        self._surveys: OrderedDict[int, _Survey] = OrderedDict()

    async def gaps(self, relation: str | None, least_share: float, limit: int, after: GapPlace | None) -> GapPage:
        """Give the gaps after a place; at most MAX_HEADS heads are looked at."""
        async with self._database.reading() as connection:
            if relation is not None:
                await _check_relation(connection, relation)
            survey = await self._survey(connection)
            expected, found = survey.expected(relation, least_share), list[Gap]()
            start = 0 if after is None else bisect_left(survey.heads, (-after[0], after[1]))
            end = min(len(survey.heads), start + MAX_HEADS) if expected else start
            for at in range(start, end, CHUNK):
                heads = survey.heads[at : min(end, at + CHUNK)]
                stored = await _stored_pairs(connection, [head for _, head in heads])
                found += _missing(survey, heads, expected, stored, after)
                if len(found) > limit:
                    last = found[limit - 1]
                    return GapPage(tuple(found[:limit]), (last.n_users, last.head, last.relation))
        if not expected or end == len(survey.heads):
            return GapPage(tuple(found), None)
        people, head = survey.heads[end - 1]
        return GapPage(tuple(found), (-people, head, expected[-1]))

    async def heads(self, relation: str, limit: int, after: str) -> Sequence[str]:
        """Give the entities after an id that may be heads of a relation."""
        borne = exists().where(mine(FactRow), FactRow.relation == relation, FactRow.head == Item.entity_id, *_there())
        of_relation = (mine(FactRow), FactRow.relation == relation, FactRow.head > after)
        sources = [select(FactRow.head.label("head")).where(*of_relation)]
        async with self._database.reading() as connection:
            if (await connection.execute(select(literal(1)).where(borne))).first() is not None:
                # An entity id is there: `_there` says so, the type does not.
                items: Select[Any] = select(Item.entity_id.label("head")).where(*_there(), Item.entity_id > after)
                sources.append(items)
            # Each cut by itself: a union would read all of both for every page.
            first = [each.distinct().order_by("head").limit(limit).subquery() for each in sources]
            both = union(*(select(each.c.head) for each in first)).order_by("head").limit(limit)
            return list((await connection.execute(both)).scalars())

    async def _survey(self, connection: AsyncConnection) -> _Survey:
        tenant = current_tenant()
        survey = self._surveys.get(tenant)
        if survey is None or time.monotonic() - survey.made_at >= self._seconds:
            heads = [(-n, head) for head, n in (await _people(connection)).items()]
            shares = await _shares(connection)
            survey = self._surveys[tenant] = _Survey(time.monotonic(), sorted(heads), shares)
        self._surveys.move_to_end(tenant)
        if len(self._surveys) > _SURVEYS:
            self._surveys.popitem(last=False)
        return survey


def _there() -> tuple[ColumnElement[bool], ...]:
    return (mine(Item), Item.deleted_at.is_(None), Item.entity_id.is_not(None))


async def _people(connection: AsyncConnection) -> dict[str, int]:
    """Count for each entity the people who met an item that it is, or whose lists showed it; those of nobody are none.

    Where one item is the entity, people and interactions are the same number, which an index counts.
    """
    items: defaultdict[str, list[str]] = defaultdict(list)
    for item_id, entity_id in await connection.execute(select(Item.item_id, Item.entity_id).where(*_there())):
        items[str(entity_id)].append(item_id)
    met, shown = [await _counts(connection, statement) for statement in _by_item()]
    people = {entity: met.get(its[0], 0) + shown.get(its[0], 0) for entity, its in items.items() if len(its) == 1}
    for chunk in chunked([entity for entity, its in items.items() if len(its) > 1]):
        people |= await _counts(connection, _by_entity(chunk))
    return {entity: n for entity, n in people.items() if n}


async def _counts(connection: AsyncConnection, statement: Select[*tuple[str, int]]) -> dict[str, int]:
    return {row[0]: row[1] for row in await connection.execute(statement)}


def _by_item() -> tuple[Select[*tuple[str, int]], Select[*tuple[str, int]]]:
    """Count the people who met each item, and those to whom a list showed it and who did not meet it."""
    met = select(Interaction.item_id, func.count()).where(mine(Interaction)).group_by(Interaction.item_id)
    too = exists().where(mine(Interaction), Interaction.user_id == Event.user_id, Interaction.item_id == Event.item_id)
    shown = select(Event.item_id, func.count(Event.user_id.distinct())).where(mine(Event), _SHOWN, ~too)
    return met, shown.group_by(Event.item_id)


def _by_entity(entity_ids: Collection[str]) -> Select[*tuple[str, int]]:
    """Count the people of entities that several items are: each once."""
    chosen = (*_there(), Item.entity_id.in_(entity_ids))
    met = select(Item.entity_id, Interaction.user_id).join(
        Interaction, (Interaction.tenant_id == Item.tenant_id) & (Interaction.item_id == Item.item_id)
    )
    shown = select(Item.entity_id, Event.user_id).join(
        Event, (Event.tenant_id == Item.tenant_id) & (Event.item_id == Item.item_id)
    )
    both = union_all(met.where(*chosen), shown.where(*chosen, _SHOWN)).subquery()
    return select(both.c.entity_id, func.count(both.c.user_id.distinct())).group_by(both.c.entity_id)


async def _shares(connection: AsyncConnection) -> dict[str, float]:
    entities = select(Item.entity_id).where(*_there()).distinct()
    n = (await connection.execute(select(func.count()).select_from(entities.subquery()))).scalar_one()
    # Pairs first: the index has them in order, where counting distinct heads would sort every fact.
    pairs = (
        select(FactRow.head, FactRow.relation).where(mine(FactRow), FactRow.head.in_(entities)).distinct().subquery()
    )
    of_items = select(pairs.c.relation, func.count()).group_by(pairs.c.relation)
    return {relation: heads / n for relation, heads in (await _counts(connection, of_items)).items()}


async def _stored_pairs(connection: AsyncConnection, heads: Collection[str]) -> set[tuple[str, str]]:
    statement = select(FactRow.head, FactRow.relation).where(mine(FactRow), FactRow.head.in_(heads)).distinct()
    return {(row[0], row[1]) for row in await connection.execute(statement)}


def _missing(
    survey: _Survey,
    heads: Sequence[tuple[int, str]],
    expected: Sequence[str],
    stored: Collection[tuple[str, str]],
    after: GapPlace | None,
) -> Iterator[Gap]:
    for people, head in heads:
        done = 0
        if after is not None and (-people, head) == after[:2]:
            # A relation that is expected no longer ends its head.
            done = expected.index(after[2]) + 1 if after[2] in expected else len(expected)
        for relation in expected[done:]:
            if (head, relation) not in stored:
                yield Gap(head, relation, -people, survey.shares[relation])


async def _check_relation(connection: AsyncConnection, relation: str) -> None:
    statement = select(Relation.relation_id).where(mine(Relation), Relation.relation_id == relation)
    if (await connection.execute(statement)).first() is None:
        raise UnknownRelation(relation)
