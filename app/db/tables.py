"""The tables. Ids are opaque strings, compared and ordered by code point on every database.

Whatever is about people, the catalogue or the graph belongs to a tenant, and references stay within it: the keys say
so, not only the queries. Tables are made by migrations alone (`migrations/versions`); a test compares them with these
classes.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    false,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from app.tenancy import current_tenant

# PostgreSQL would order by the locale of the server otherwise, and SQLite by bytes: ties would differ.
_TEXT = String().with_variant(String(collation="C"), "postgresql")
_Key = Annotated[str, mapped_column(_TEXT, primary_key=True)]
# SQLite numbers rows by itself only where the column is exactly INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
# SQLite would give the number of a row that was deleted to the next one; PostgreSQL does not.
_NUMBERS_ONCE = {"sqlite_autoincrement": True}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Names every constraint alike, so that a later migration can find it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Tenant(Base):
    """An owner of data; the first, `default`, is there from the beginning."""

    __tablename__ = "tenants"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_TEXT)
    __table_args__ = (Index("uq_tenants_name", name, unique=True),)


# A row that is written without a tenant gets the current one. The tables below those four get it by their references.
_Root = Annotated[int, mapped_column(ForeignKey(Tenant.tenant_id), primary_key=True, default=current_tenant)]
_Branch = Annotated[int, mapped_column(primary_key=True, default=current_tenant)]


class ApiKey(Base):
    """A key of one tenant. Only the hash of its secret is kept; `scopes` are separated by spaces."""

    __tablename__ = "api_keys"
    key_id: Mapped[_Key]
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.tenant_id))
    name: Mapped[str]
    secret_hash: Mapped[bytes]
    scopes: Mapped[str]
    rate_limit: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class User(Base):
    """A person; both versions are part of every cache key.

    `history_version` grows with each change of the history, `preference_version` with each of the steering.
    """

    __tablename__ = "users"
    tenant_id: Mapped[_Root]
    user_id: Mapped[_Key]
    history_version: Mapped[int] = mapped_column(server_default=text("0"))
    preference_version: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Entity(Base):
    """A node of the knowledge graph."""

    __tablename__ = "entities"
    tenant_id: Mapped[_Root]
    entity_id: Mapped[_Key]
    label: Mapped[str | None]


class Relation(Base):
    """A kind of fact."""

    __tablename__ = "relations"
    tenant_id: Mapped[_Root]
    relation_id: Mapped[_Key]
    label: Mapped[str | None]


class Item(Base):
    """Something to recommend; `entity_id` is the entity it is aligned with, if any (two editions may share one).

    A deleted item keeps its row, as releases and people's pasts name it; nothing shows or recommends it.
    `added_at` is when the row was stored; null in rows of before that was noted.
    """

    __tablename__ = "items"
    tenant_id: Mapped[_Root]
    item_id: Mapped[_Key]
    title: Mapped[str | None]
    entity_id: Mapped[str | None] = mapped_column(_TEXT)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    added_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=_utc_now)
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "entity_id"], ["entities.tenant_id", "entities.entity_id"]),
        Index("ix_items_tenant_id_entity_id", "tenant_id", entity_id),
        # The few deleted ones, which every list has to leave out.
        Index(
            "ix_items_tenant_id_item_id_deleted",
            "tenant_id",
            "item_id",
            sqlite_where=text("deleted_at IS NOT NULL"),
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
    )


class Fact(Base):
    """A triple of the knowledge graph: given (`stored`), or predicted and then accepted by a person (`accepted`)."""

    __tablename__ = "facts"
    id: Mapped[int] = mapped_column(_ROW_NUMBER, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(default=current_tenant)
    head: Mapped[str] = mapped_column(_TEXT)
    relation: Mapped[str] = mapped_column(_TEXT)
    tail: Mapped[str] = mapped_column(_TEXT)
    origin: Mapped[str] = mapped_column(server_default=text("'stored'"))
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "head"], ["entities.tenant_id", "entities.entity_id"]),
        ForeignKeyConstraint(["tenant_id", "relation"], ["relations.tenant_id", "relations.relation_id"]),
        ForeignKeyConstraint(["tenant_id", "tail"], ["entities.tenant_id", "entities.entity_id"]),
        Index("uq_facts_tenant_id_head_relation_tail", tenant_id, head, relation, tail, unique=True),
        Index("ix_facts_tenant_id_tail_relation", tenant_id, tail, relation),
        Index("ix_facts_tenant_id_relation_tail", tenant_id, relation, tail),
        CheckConstraint("origin IN ('stored', 'accepted')", name="origin"),
        _NUMBERS_ONCE,
    )


class Candidate(Base):
    """A predicted fact, to be decided once by a person: accepted ones are among the facts, rejected ones never return.

    `n_users` counts the people who had met an item that the head is when it was predicted.
    """

    __tablename__ = "candidates"
    id: Mapped[int] = mapped_column(_ROW_NUMBER, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(default=current_tenant)
    head: Mapped[str] = mapped_column(_TEXT)
    relation: Mapped[str] = mapped_column(_TEXT)
    tail: Mapped[str] = mapped_column(_TEXT)
    release_id: Mapped[str] = mapped_column(_TEXT)
    score: Mapped[float]
    probability: Mapped[float | None]
    n_users: Mapped[int]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "head"], ["entities.tenant_id", "entities.entity_id"]),
        ForeignKeyConstraint(["tenant_id", "relation"], ["relations.tenant_id", "relations.relation_id"]),
        ForeignKeyConstraint(["tenant_id", "tail"], ["entities.tenant_id", "entities.entity_id"]),
        Index("uq_candidates_tenant_id_head_relation_tail", tenant_id, head, relation, tail, unique=True),
        Index("ix_candidates_tenant_id_relation_tail", tenant_id, relation, tail),
        Index("ix_candidates_tenant_id_state_id", tenant_id, state, id),
        CheckConstraint("state IN ('open', 'accepted', 'rejected')", name="state"),
        _NUMBERS_ONCE,
    )


class Interaction(Base):
    """An item that a user met; `value` and `timestamp` (seconds since 1970, UTC) where the source has them.

    `disliked` is the newest opinion that events told; null if there is none.
    """

    __tablename__ = "interactions"
    tenant_id: Mapped[_Branch]
    user_id: Mapped[_Key]
    item_id: Mapped[_Key]
    value: Mapped[float | None]
    timestamp: Mapped[int | None] = mapped_column(BigInteger)
    disliked: Mapped[bool | None]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.user_id"]),
        ForeignKeyConstraint(["tenant_id", "item_id"], ["items.tenant_id", "items.item_id"]),
        Index("ix_interactions_tenant_id_item_id", "tenant_id", "item_id"),
    )


class Steering(Base):
    """How much more (up to 2) or less (down to 0) of a relation a user asked for; there is no row for 1."""

    __tablename__ = "steerings"
    tenant_id: Mapped[_Branch]
    user_id: Mapped[_Key]
    relation_id: Mapped[_Key]
    multiplier: Mapped[float]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.user_id"]),
        ForeignKeyConstraint(["tenant_id", "relation_id"], ["relations.tenant_id", "relations.relation_id"]),
        CheckConstraint("multiplier >= 0 AND multiplier <= 2", name="multiplier"),
    )


class Event(Base):
    """One thing that a user did, under the id that its sender gave; `ts` is in seconds since 1970, UTC."""

    __tablename__ = "events"
    tenant_id: Mapped[_Branch]
    event_id: Mapped[_Key]
    user_id: Mapped[str] = mapped_column(_TEXT)
    item_id: Mapped[str] = mapped_column(_TEXT)
    type: Mapped[str]
    value: Mapped[float | None]
    ts: Mapped[int] = mapped_column(BigInteger)
    recommendation_id: Mapped[str | None] = mapped_column(_TEXT)
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "user_id"], ["users.tenant_id", "users.user_id"]),
        ForeignKeyConstraint(["tenant_id", "item_id"], ["items.tenant_id", "items.item_id"]),
        Index("ix_events_tenant_id_user_id", "tenant_id", user_id),
        Index(
            "ix_events_tenant_id_recommendation_id",
            "tenant_id",
            recommendation_id,
            sqlite_where=text("recommendation_id IS NOT NULL"),
            postgresql_where=text("recommendation_id IS NOT NULL"),
        ),
    )


class Release(Base):
    """A release as the service saw it. The partial unique index keeps at most one active for each tenant."""

    __tablename__ = "releases"
    tenant_id: Mapped[_Root]
    release_id: Mapped[_Key]
    activated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_active: Mapped[bool] = mapped_column(server_default=false())
    problem: Mapped[str | None]
    __table_args__ = (
        Index(
            "uq_releases_tenant_id_is_active",
            "tenant_id",
            is_active,
            unique=True,
            sqlite_where=text("is_active"),
            postgresql_where=text("is_active"),
        ),
    )


GRAPH = "graph"
"""The stamp that is raised in each transaction that changes facts."""

CATALOGUE = "catalogue"
"""The stamp that is raised in each transaction that changes or deletes items, or labels."""

LABELS = "labels"
"""The stamp that is raised in each transaction that changes entities or their labels."""

ERASURE = "erasure"
"""The stamp that is raised when a person is erased: what a process keeps in memory may name them."""


class ErasedUser(Base):
    """Somebody who was erased (seconds since 1970, UTC): releases whose data ended before still know the id.

    `user_key` is a hash of it, as in the log of served lists.
    """

    __tablename__ = "erased_users"
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.tenant_id), primary_key=True, default=current_tenant)
    user_key: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    erased_at: Mapped[float] = mapped_column(Double)


class Stamp(Base):
    """Numbers that grow with each change of something that processes keep in memory."""

    __tablename__ = "stamps"
    tenant_id: Mapped[_Root]
    name: Mapped[_Key]
    value: Mapped[int] = mapped_column(BigInteger)


def mine(table: Any) -> ColumnElement[bool]:
    """The condition that every query of a tenant's table has: its rows are those of the current tenant."""
    condition: ColumnElement[bool] = table.tenant_id == current_tenant()
    return condition
