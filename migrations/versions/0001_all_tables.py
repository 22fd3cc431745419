"""The first tables: people, the catalogue, the knowledge graph, interactions and releases.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table("users", _key("user_id"), _history_version(), _created_at(), _pk("users", "user_id"))
    op.create_table("entities", _key("entity_id"), _label("label"), _pk("entities", "entity_id"))
    op.create_table("relations", _key("relation_id"), _label("label"), _pk("relations", "relation_id"))
    op.create_table(
        "items",
        _key("item_id"),
        _label("title"),
        sa.Column("entity_id", _TEXT),
        _fk("items", "entity_id", "entities.entity_id"),
        _pk("items", "item_id"),
    )
    op.create_index("ix_items_entity_id", "items", ["entity_id"])
    op.create_table("stamps", _key("name"), sa.Column("value", sa.BigInteger(), nullable=False), _pk("stamps", "name"))
    _create_facts()
    _create_interactions()
    _create_releases()


def _create_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        _key("head"),
        _key("relation"),
        _key("tail"),
        sa.Column("origin", sa.String(), server_default=sa.text("'stored'"), nullable=False),
        sa.CheckConstraint("origin IN ('stored', 'accepted')", name="ck_facts_origin"),
        _fk("facts", "head", "entities.entity_id"),
        _fk("facts", "relation", "relations.relation_id"),
        _fk("facts", "tail", "entities.entity_id"),
        _pk("facts", "id"),
    )
    op.create_index("uq_facts_head_relation_tail", "facts", ["head", "relation", "tail"], unique=True)
    op.create_index("ix_facts_tail_relation", "facts", ["tail", "relation"])
    op.create_index("ix_facts_relation_tail", "facts", ["relation", "tail"])


def _create_interactions() -> None:
    op.create_table(
        "interactions",
        _key("user_id"),
        _key("item_id"),
        sa.Column("value", sa.Double()),
        sa.Column("timestamp", sa.BigInteger()),
        _fk("interactions", "user_id", "users.user_id"),
        _fk("interactions", "item_id", "items.item_id"),
        _pk("interactions", "user_id", "item_id"),
    )
    op.create_index("ix_interactions_item_id", "interactions", ["item_id"])


def _create_releases() -> None:
    op.create_table(
        "releases",
        _key("release_id"),
        sa.Column("activated_at", sa.DateTime(timezone=True)),
        sa.Column("is_active", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("problem", sa.String()),
        _pk("releases", "release_id"),
    )
    only = sa.text("is_active")
    op.create_index(
        "uq_releases_is_active", "releases", ["is_active"], unique=True, sqlite_where=only, postgresql_where=only
    )


def downgrade() -> None:
    for table in ("stamps", "releases", "interactions", "facts", "items", "relations", "entities", "users"):
        op.drop_table(table)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=False)


def _label(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String())


def _history_version() -> sa.Column[int]:
    return sa.Column("history_version", sa.Integer(), server_default=sa.text("0"), nullable=False)


def _created_at() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _pk(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _fk(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}")
