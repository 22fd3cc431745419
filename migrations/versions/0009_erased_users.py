"""Who was erased, by a hash: a release that was trained before still knows the id, should it come back.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "erased_users",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("user_key", _TEXT, nullable=False),
        sa.Column("erased_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_erased_users_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "user_key", name="pk_erased_users"),
    )


def downgrade() -> None:
    op.drop_table("erased_users")
