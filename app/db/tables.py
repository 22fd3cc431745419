"""The tables. Ids are opaque strings, compared and ordered by code point on every database.

Tables are made by migrations alone (`migrations/versions`); a test compares them with these classes.
"""

from datetime import datetime
from typing import Annotated

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    false,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# PostgreSQL would order by the locale of the server otherwise, and SQLite by bytes: ties would differ.
_TEXT = String().with_variant(String(collation="C"), "postgresql")
_Key = Annotated[str, mapped_column(_TEXT, primary_key=True)]
# SQLite numbers rows by itself only where the column is exactly INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


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


class User(Base):
    """A person; `history_version` grows with each change of the history and is part of every cache key."""

    __tablename__ = "users"
    user_id: Mapped[_Key]
    history_version: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Entity(Base):
    """A node of the knowledge graph."""

    __tablename__ = "entities"
    entity_id: Mapped[_Key]
    label: Mapped[str | None]


class Relation(Base):
    """A kind of fact."""

    __tablename__ = "relations"
    relation_id: Mapped[_Key]
    label: Mapped[str | None]


class Item(Base):
    """Something to recommend; `entity_id` is the entity it is aligned with, if any (two editions may share one)."""

    __tablename__ = "items"
    item_id: Mapped[_Key]
    title: Mapped[str | None]
    entity_id: Mapped[str | None] = mapped_column(_TEXT, ForeignKey(Entity.entity_id), index=True)


class Fact(Base):
    """A triple of the knowledge graph: given (`stored`), or predicted and then accepted by a person (`accepted`)."""

    __tablename__ = "facts"
    id: Mapped[int] = mapped_column(_ROW_NUMBER, primary_key=True)
    head: Mapped[str] = mapped_column(_TEXT, ForeignKey(Entity.entity_id))
    relation: Mapped[str] = mapped_column(_TEXT, ForeignKey(Relation.relation_id))
    tail: Mapped[str] = mapped_column(_TEXT, ForeignKey(Entity.entity_id))
    origin: Mapped[str] = mapped_column(server_default=text("'stored'"))
    __table_args__ = (
        Index("uq_facts_head_relation_tail", head, relation, tail, unique=True),
        Index("ix_facts_tail_relation", tail, relation),
        Index("ix_facts_relation_tail", relation, tail),
        CheckConstraint("origin IN ('stored', 'accepted')", name="origin"),
    )


class Interaction(Base):
    """What a user did with an item; `value` and `timestamp` (seconds since 1970, UTC) where the source has them."""

    __tablename__ = "interactions"
    user_id: Mapped[str] = mapped_column(_TEXT, ForeignKey(User.user_id), primary_key=True)
    item_id: Mapped[str] = mapped_column(_TEXT, ForeignKey(Item.item_id), primary_key=True, index=True)
    value: Mapped[float | None]
    timestamp: Mapped[int | None] = mapped_column(BigInteger)


class Release(Base):
    """A release as the service saw it. The partial unique index keeps at most one active."""

    __tablename__ = "releases"
    release_id: Mapped[_Key]
    activated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_active: Mapped[bool] = mapped_column(server_default=false())
    problem: Mapped[str | None]
    __table_args__ = (
        Index(
            "uq_releases_is_active",
            is_active,
            unique=True,
            sqlite_where=text("is_active"),
            postgresql_where=text("is_active"),
        ),
    )


GRAPH = "graph"
"""The stamp that is raised in each transaction that changes facts."""


class Stamp(Base):
    """Numbers that grow with each change of something that processes keep in memory."""

    __tablename__ = "stamps"
    name: Mapped[_Key]
    value: Mapped[int] = mapped_column(BigInteger)
