"""SQLite gives no number of a fact or of a candidate twice, as PostgreSQL never did.

Whoever had looked at a candidate that was replaced since would otherwise decide about another one of its number, and
whoever pages through facts would miss those that took a number they had passed. SQLite cannot change this of a table,
so both are made anew and filled again.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Parts = list[sa.schema.SchemaItem]


def upgrade() -> None:
    _make_anew(numbers_once=True)


def downgrade() -> None:
    _make_anew(numbers_once=False)


def _make_anew(numbers_once: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, parts in (("facts", _facts()), ("candidates", _candidates())):
        op.create_table(f"new_{table}", *_triple(table), *parts, sqlite_autoincrement=numbers_once)
        names = ", ".join(part.name for part in (*_triple(table), *parts) if isinstance(part, sa.Column))
        op.execute(f"INSERT INTO new_{table} ({names}) SELECT {names} FROM {table}")  # noqa: S608  # names from here
        op.drop_table(table)
        op.rename_table(f"new_{table}", table)
        fact = ["tenant_id", "head", "relation", "tail"]
        op.create_index(f"uq_{table}_tenant_id_head_relation_tail", table, fact, unique=True)
        op.create_index(f"ix_{table}_tenant_id_relation_tail", table, ["tenant_id", "relation", "tail"])
    op.create_index("ix_facts_tenant_id_tail_relation", "facts", ["tenant_id", "tail", "relation"])
    op.create_index("ix_candidates_tenant_id_state_id", "candidates", ["tenant_id", "state", "id"])


def _triple(table: str) -> Parts:
    """A number, whose it is, and head, relation and tail."""
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        *(sa.Column(end, sa.String(), nullable=False) for end in ("head", "relation", "tail")),
        *(_reference(table, *ends) for ends in _ENDS),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def _facts() -> Parts:
    return [
        sa.Column("origin", sa.String(), server_default=sa.text("'stored'"), nullable=False),
        sa.CheckConstraint("origin IN ('stored', 'accepted')", name=op.f("ck_facts_origin")),
    ]


def _candidates() -> Parts:
    return [
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double()),
        sa.Column("n_users", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("decided_by", sa.String()),
        sa.Column("reason", sa.String()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('open', 'accepted', 'rejected')", name=op.f("ck_candidates_state")),
    ]


_ENDS = (("head", "entities.entity_id"), ("relation", "relations.relation_id"), ("tail", "entities.entity_id"))


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    """Refer to a row of the same tenant."""
    parent, name = target.split(".")[0], f"fk_{table}_tenant_id_{column}"
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{parent}.tenant_id", target], name=name)
