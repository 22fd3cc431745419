"""The tables of operations: which releases answered and answer, training jobs, and what was recommended.

Each belongs to a tenant, like those of `app.db.tables`, and is made by migrations alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Double, ForeignKey, Index, Integer, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.tables import Base, Tenant
from app.tenancy import current_tenant

_TEXT = String().with_variant(String(collation="C"), "postgresql")
_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_TIME = DateTime(timezone=True)

_RUNNING = text("ended_at IS NULL")
_UNFINISHED = text("state IN ('queued', 'running')")


class Activation(Base):
    """One change of the active release. The newest row of a tenant tells what is active.

    `former` is the activation that a rollback comes back to; a rollback is a row of its own, with the `former` of the
    row that it came back to. So rolling back twice goes back two releases, and nothing is forgotten.
    """

    __tablename__ = "activations"
    id: Mapped[int] = mapped_column(_ROW_NUMBER, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.tenant_id), default=current_tenant)
    release_id: Mapped[str] = mapped_column(_TEXT)
    former: Mapped[int | None] = mapped_column(_ROW_NUMBER)
    activated_at: Mapped[datetime] = mapped_column(_TIME)
    __table_args__ = (Index("ix_activations_tenant_id_id", tenant_id, id),)


class Experiment(Base):
    """Two releases that answer at once: `release_b` for a share of the users. At most one runs for each tenant."""

    __tablename__ = "experiments"
    experiment_id: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.tenant_id), default=current_tenant)
    release_a: Mapped[str] = mapped_column(_TEXT)
    release_b: Mapped[str] = mapped_column(_TEXT)
    share: Mapped[float] = mapped_column(Double)
    started_at: Mapped[datetime] = mapped_column(_TIME)
    ended_at: Mapped[datetime | None] = mapped_column(_TIME)
    __table_args__ = (
        Index("uq_experiments_tenant_id", tenant_id, unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )


class TrainingJob(Base):
    """A training job, from the call that asked for it to its release.

    `data` names what it trains on; the partial unique index lets one job at a time train on the same. `claim` is the
    secret of the worker that runs it, `lease_until` (seconds since 1970 by the database's clock) the time after which
    another worker may take it over. `events` counts the tenant's events when it was asked for.
    """

    __tablename__ = "training_jobs"
    job_id: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.tenant_id), default=current_tenant)
    data: Mapped[str] = mapped_column(_TEXT)
    cause: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(server_default=text("'queued'"))
    cancel_requested: Mapped[bool] = mapped_column(server_default=false())
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    claim: Mapped[str | None]
    lease_until: Mapped[float | None] = mapped_column(Double)
    events: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(_TIME)
    started_at: Mapped[datetime | None] = mapped_column(_TIME)
    finished_at: Mapped[datetime | None] = mapped_column(_TIME)
    __table_args__ = (
        Index(
            "uq_training_jobs_tenant_id_data",
            tenant_id,
            data,
            unique=True,
            sqlite_where=_UNFINISHED,
            postgresql_where=_UNFINISHED,
        ),
        Index("ix_training_jobs_tenant_id_created_at", tenant_id, created_at),
    )


class ServedList(Base):
    """One computed list of recommendations; `items` are in their order.

    `user_key` is a hash of the user's id, by which an erasure finds the row; empty where no such user is stored.
    """

    __tablename__ = "served_lists"
    recommendation_id: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.tenant_id), default=current_tenant)
    user_key: Mapped[str] = mapped_column(_TEXT)
    release_id: Mapped[str] = mapped_column(_TEXT)
    strategy: Mapped[str]
    items: Mapped[list[str]] = mapped_column(JSON)
    n_items: Mapped[int]
    served_at: Mapped[datetime] = mapped_column(_TIME)
    __table_args__ = (
        Index("ix_served_lists_tenant_id_served_at", tenant_id, served_at),
        Index("ix_served_lists_tenant_id_user_key", tenant_id, user_key),
    )
