"""Operations: which release was active when, experiments, training jobs, and what was recommended.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "activations",
        sa.Column("id", _ROW_NUMBER, nullable=False),
        *_owner(),
        _text("release_id"),
        sa.Column("former", _ROW_NUMBER),
        _time("activated_at"),
        *_keys("activations", "id"),
    )
    op.create_index("ix_activations_tenant_id_id", "activations", ["tenant_id", "id"])
    _remember_activations()
    _create_experiments()
    _create_jobs()
    op.create_table(
        "served_lists",
        _text("recommendation_id"),
        *_owner(),
        _text("user_key"),
        _text("release_id"),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("n_items", sa.Integer(), nullable=False),
        _time("served_at"),
        *_keys("served_lists", "recommendation_id"),
    )
    op.create_index("ix_served_lists_tenant_id_served_at", "served_lists", ["tenant_id", "served_at"])
    op.create_index("ix_served_lists_tenant_id_user_key", "served_lists", ["tenant_id", "user_key"])


def _remember_activations() -> None:
    """Chain what is known of the past, so that the first rollback has somewhere to go."""
    connection = op.get_bind()
    known = (
        "SELECT tenant_id, release_id, activated_at FROM releases WHERE activated_at IS NOT NULL "
        "ORDER BY tenant_id, is_active, activated_at"
    )
    former: dict[int, int] = {}
    for number, row in enumerate(connection.execute(sa.text(known)).all(), start=1):
        values = {"id": number, "tenant": row[0], "release": row[1], "at": row[2], "former": former.get(row[0])}
        connection.execute(
            sa.text(
                "INSERT INTO activations (id, tenant_id, release_id, former, activated_at) "
                "VALUES (:id, :tenant, :release, :former, :at)"
            ),
            values,
        )
        former[row[0]] = number
    if connection.dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('activations', 'id'), coalesce(max(id), 0) + 1, false) "
            "FROM activations"
        )


def _create_experiments() -> None:
    op.create_table(
        "experiments",
        _text("experiment_id"),
        *_owner(),
        _text("release_a"),
        _text("release_b"),
        sa.Column("share", sa.Double(), nullable=False),
        _time("started_at"),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        *_keys("experiments", "experiment_id"),
    )
    running = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_experiments_tenant_id",
        "experiments",
        ["tenant_id"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )


def _create_jobs() -> None:
    op.create_table(
        "training_jobs",
        _text("job_id"),
        *_owner(),
        _text("data"),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("progress", sa.JSON()),
        sa.Column("outcome", sa.JSON()),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("claim", sa.String()),
        sa.Column("lease_until", sa.Double()),
        sa.Column("events", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _time("created_at"),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        *_keys("training_jobs", "job_id"),
    )
    unfinished = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "uq_training_jobs_tenant_id_data",
        "training_jobs",
        ["tenant_id", "data"],
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_index("ix_training_jobs_tenant_id_created_at", "training_jobs", ["tenant_id", "created_at"])


def downgrade() -> None:
    for table in ("served_lists", "training_jobs", "experiments", "activations"):
        op.drop_table(table)


def _text(name: str) -> sa.Column[object]:
    return sa.Column(name, _TEXT, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _owner() -> list[sa.Column[object]]:
    return [sa.Column("tenant_id", sa.Integer(), nullable=False)]


def _keys(table: str, key: str) -> list[sa.schema.SchemaItem]:
    owner = sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=f"fk_{table}_tenant_id")
    return [owner, sa.PrimaryKeyConstraint(key, name=f"pk_{table}")]
