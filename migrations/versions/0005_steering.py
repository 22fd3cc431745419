"""Steering: what users asked for more or less of, and the version that tells every process.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("users", sa.Column("preference_version", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "steerings",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("user_id", "relation_id")),
        sa.Column("multiplier", sa.Double(), nullable=False),
        _reference("user_id", "users"),
        _reference("relation_id", "relations"),
        sa.CheckConstraint("multiplier >= 0 AND multiplier <= 2", name=op.f("ck_steerings_multiplier")),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", "relation_id", name="pk_steerings"),
    )


def downgrade() -> None:
    op.drop_table("steerings")
    op.drop_column("users", "preference_version")


def _reference(column: str, parent: str) -> sa.ForeignKeyConstraint:
    name = f"fk_steerings_tenant_id_{column}"
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{parent}.tenant_id", f"{parent}.{column}"], name=name)
