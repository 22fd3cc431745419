"""Review: predicted facts, and what people decided about them.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "candidates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("head", "relation", "tail", "release_id")),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double()),
        sa.Column("n_users", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("decided_by", sa.String()),
        sa.Column("reason", sa.String()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('open', 'accepted', 'rejected')", name="ck_candidates_state"),
        _reference("head", "entities.entity_id"),
        _reference("relation", "relations.relation_id"),
        _reference("tail", "entities.entity_id"),
        sa.PrimaryKeyConstraint("id", name="pk_candidates"),
    )
    fact = ["tenant_id", "head", "relation", "tail"]
    op.create_index("uq_candidates_tenant_id_head_relation_tail", "candidates", fact, unique=True)
    op.create_index("ix_candidates_tenant_id_relation_tail", "candidates", ["tenant_id", "relation", "tail"])
    op.create_index("ix_candidates_tenant_id_state_id", "candidates", ["tenant_id", "state", "id"])


def downgrade() -> None:
    # Accepted facts stay among the facts; what was rejected is forgotten.
    op.drop_table("candidates")


def _reference(column: str, target: str) -> sa.ForeignKeyConstraint:
    name, parent = f"fk_candidates_tenant_id_{column}", target.split(".")[0]
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{parent}.tenant_id", target], name=name)
