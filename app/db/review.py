"""Candidates: predicted facts, decided once each."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import chunked
from app.db.session import Database
from app.db.tables import GRAPH, Candidate, Relation, mine
from app.db.tables import Fact as FactRow
from app.db.upsert import raise_stamp, upsert
from app.errors import AlreadyDecided, UnknownCandidate, UnknownRelation
from app.ports import CompletionQuery
from app.review import CandidateFilter, Decision, Prediction, State, StoredCandidate, Verdict

_PIECE = 1_000
_OUTCOME: Mapping[Verdict, State] = {"accept": "accepted", "reject": "rejected"}


class ReviewRepository:
    """Implements `app.review.Reviews`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rejected(self, query: CompletionQuery) -> frozenset[str]:
        """Give every id that completes the query to a rejected fact."""
        given = {"head": query.head, "relation": query.relation, "tail": query.tail}
        conditions = [getattr(Candidate, part) == value for part, value in given.items() if value is not None]
        statement = select(getattr(Candidate, query.target)).where(mine(Candidate), *conditions)
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(statement.where(Candidate.state == "rejected"))).scalars())

    async def settled(self, relation: str, heads: Collection[str]) -> dict[str, set[str]]:
        """Give for each head its stored and its rejected tails."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        async with self._database.reading() as connection:
            for chunk in chunked(heads, 250):
                stored, rejected = (
                    select(table.head, table.tail).where(mine(table), table.relation == relation, table.head.in_(chunk))
                    for table in (FactRow, Candidate)
                )
                both = union_all(stored, rejected.where(Candidate.state == "rejected"))
                for head, tail in await connection.execute(both):
                    found[head].add(tail)
        return found

    async def propose(self, release_id: str, predictions: Sequence[Prediction]) -> int:
        """Store predictions as open candidates, in one transaction."""
        others = (mine(Candidate), Candidate.state == "open", Candidate.release_id != release_id)
        rows = [_row(release_id, prediction) for prediction in predictions]
        async with self._database.writing() as connection:
            await connection.execute(delete(Candidate).where(*others))
            for start in range(0, len(rows), _PIECE):
                await connection.execute(_propose(connection.dialect.name), rows[start : start + _PIECE])
            open_ones = select(func.count()).select_from(Candidate).where(mine(Candidate), Candidate.state == "open")
            return int((await connection.execute(open_ones)).scalar_one())

    async def candidates(self, wanted: CandidateFilter, limit: int, after: int) -> list[StoredCandidate]:
        """Give candidates after an id."""
        statement = _candidates().where(Candidate.id > after, Candidate.state == wanted.state)
        if wanted.relation is not None:
            statement = statement.where(Candidate.relation == wanted.relation)
        if wanted.least_probability is not None:
            statement = statement.where(Candidate.probability >= wanted.least_probability)
        if wanted.head is not None:
            statement = statement.where(Candidate.head == wanted.head)
        if wanted.tail is not None:
            statement = statement.where(Candidate.tail == wanted.tail)
        if wanted.state == "open":
            statement = statement.where(~IS_STORED)
        async with self._database.reading() as connection:
            await _check_relation(connection, wanted.relation)
            return [_stored(row) for row in await connection.execute(statement.order_by(Candidate.id).limit(limit))]

    async def decide(self, candidate_id: int, decision: Decision) -> StoredCandidate:
        """Decide about a candidate, in one transaction with the fact that follows."""
        wanted, state = _candidates().where(Candidate.id == candidate_id), _OUTCOME[decision.verdict]
        async with self._database.writing() as connection:
            row = (await connection.execute(wanted.with_for_update())).first()
            if row is None:
                raise UnknownCandidate(str(candidate_id))
            if row.state != "open":
                if row.state != state:
                    raise AlreadyDecided(str(candidate_id), row.state)
                return _stored(row)
            await connection.execute(_decided(candidate_id, state, decision))
            if state == "accepted":
                await _accept(connection, row)
            return _stored((await connection.execute(wanted)).one())


IS_STORED = exists().where(
    FactRow.tenant_id == Candidate.tenant_id,
    FactRow.head == Candidate.head,
    FactRow.relation == Candidate.relation,
    FactRow.tail == Candidate.tail,
)
"""Whether the fact of a candidate stands in the graph, however it came there."""


def _candidates() -> Select[*tuple[Any, ...]]:
    return select(*Candidate.__table__.columns).where(mine(Candidate))


def _row(release_id: str, prediction: Prediction) -> dict[str, Any]:
    head, relation, tail = prediction.fact
    values = {"score": prediction.score, "probability": prediction.probability, "n_users": prediction.n_users}
    return {"head": head, "relation": relation, "tail": tail, "release_id": release_id, **values}


def _propose(dialect: str) -> Any:
    """Insert, or bring an open one up to date."""
    statement = upsert(dialect, Candidate)
    changed = {name: statement.excluded[name] for name in ("release_id", "score", "probability", "n_users")}
    fact = (Candidate.tenant_id, Candidate.head, Candidate.relation, Candidate.tail)
    return statement.on_conflict_do_update(index_elements=fact, set_=changed, where=Candidate.state == "open")


def _decided(candidate_id: int, state: State, decision: Decision) -> Any:
    values = {"decided_by": decision.by, "reason": decision.reason, "decided_at": datetime.now(UTC)}
    return update(Candidate).where(mine(Candidate), Candidate.id == candidate_id).values(state=state, **values)


async def _accept(connection: AsyncConnection, row: Any) -> None:
    """Store the fact; one that came by another way keeps its origin."""
    fact = {"head": row.head, "relation": row.relation, "tail": row.tail, "origin": "accepted"}
    statement = upsert(connection.dialect.name, FactRow).values(fact).on_conflict_do_nothing()
    if (await connection.execute(statement)).rowcount:
        await raise_stamp(connection, GRAPH)


async def _check_relation(connection: AsyncConnection, relation: str | None) -> None:
    if relation is not None:
        statement = select(Relation.relation_id).where(mine(Relation), Relation.relation_id == relation)
        if (await connection.execute(statement)).first() is None:
            raise UnknownRelation(relation)


def _stored(row: Any) -> StoredCandidate:
    prediction = Prediction((row.head, row.relation, row.tail), row.score, row.probability, row.n_users)
    decided_at = row.decided_at
    if decided_at is not None and decided_at.tzinfo is None:  # SQLite keeps no zone; all times are UTC
        decided_at = decided_at.replace(tzinfo=UTC)
    return StoredCandidate(row.id, prediction, row.release_id, row.state, row.decided_by, row.reason, decided_at)
