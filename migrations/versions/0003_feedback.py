"""Feedback: events, the opinions that follow from them, and items that were deleted.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("interactions", sa.Column("disliked", sa.Boolean()))
    op.add_column("items", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        "ix_items_tenant_id_item_id_deleted",
        "items",
        ["tenant_id", "item_id"],
        sqlite_where=deleted,
        postgresql_where=deleted,
    )
    _create_events()


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("event_id", "user_id", "item_id")),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("recommendation_id", _TEXT),
        _reference("user_id", "users"),
        _reference("item_id", "items"),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name="pk_events"),
    )
    op.create_index("ix_events_tenant_id_user_id", "events", ["tenant_id", "user_id"])
    joined = sa.text("recommendation_id IS NOT NULL")
    op.create_index(
        "ix_events_tenant_id_recommendation_id",
        "events",
        ["tenant_id", "recommendation_id"],
        sqlite_where=joined,
        postgresql_where=joined,
    )


def downgrade() -> None:
    # What the events say of histories stays in the interactions; a deleted item comes back.
    op.drop_table("events")
    op.drop_index("ix_items_tenant_id_item_id_deleted", "items")
    op.drop_column("items", "deleted_at")
    op.drop_column("interactions", "disliked")


def _reference(column: str, parent: str) -> sa.ForeignKeyConstraint:
    name = f"fk_events_tenant_id_{column}"
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{parent}.tenant_id", f"{parent}.{column}"], name=name)
