"""Tenants: every row of people, catalogue and graph gets an owner, and references stay within one; access keys.

Keys change, which SQLite cannot do to a table that others refer to. So each table is set aside as a plain copy,
made anew and filled again, the same way on both databases.

Revision ID: 0002
Revises: 0001
"""

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")

# Parents before children.
_COLUMNS: Mapping[str, Sequence[str]] = {
    "users": ("user_id", "history_version", "created_at"),
    "entities": ("entity_id", "label"),
    "relations": ("relation_id", "label"),
    "items": ("item_id", "title", "entity_id"),
    "facts": ("id", "head", "relation", "tail", "origin"),
    "interactions": ("user_id", "item_id", "value", "timestamp"),
    "stamps": ("name", "value"),
    "releases": ("release_id", "activated_at", "is_active", "problem"),
}


def upgrade() -> None:
    _create_access()
    _rebuild(_create_owned, "tenant_id", "1")
    _go_on_counting_facts()


def downgrade() -> None:
    others = op.get_bind().execute(sa.text("SELECT count(*) FROM tenants WHERE tenant_id <> 1")).scalar_one()
    if others:
        raise RuntimeError(f"{others} tenants beside the default one have data that revision 0001 cannot hold")
    _rebuild(_create_unowned)
    _go_on_counting_facts()
    op.drop_table("api_keys")
    op.drop_table("tenants")


def _rebuild(create: Callable[[], None], *owner: str) -> None:
    """Set every table aside, make them anew, fill them; `owner` is a column to add and its value."""
    for table, columns in _COLUMNS.items():
        op.execute(f"CREATE TABLE aside_{table} AS SELECT {', '.join(columns)} FROM {table}")  # noqa: S608  # names from above
    for table in reversed(list(_COLUMNS)):
        op.drop_table(table)
    create()
    names, values = ([part] for part in owner) if owner else ([], [])
    for table, columns in _COLUMNS.items():
        into, given = ", ".join([*names, *columns]), ", ".join([*values, *columns])
        op.execute(f"INSERT INTO {table} ({into}) SELECT {given} FROM aside_{table}")  # noqa: S608
        op.drop_table(f"aside_{table}")


def _go_on_counting_facts() -> None:
    """PostgreSQL numbers facts by a sequence, which does not see numbers that are copied in."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('facts', 'id'), coalesce(max(id), 0) + 1, false) FROM facts")


def _create_access() -> None:
    op.create_table(
        "tenants", sa.Column("tenant_id", sa.Integer(), nullable=False), _key("name"), _pk("tenants", "tenant_id")
    )
    op.create_index("uq_tenants_name", "tenants", ["name"], unique=True)
    op.execute("INSERT INTO tenants (tenant_id, name) VALUES (1, 'default')")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('tenants', 'tenant_id'), 1)")
    op.create_table(
        "api_keys",
        _key("key_id"),
        _tenant(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("rate_limit", sa.String()),
        _created_at(),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        _owner("api_keys"),
        _pk("api_keys", "key_id"),
    )


def _create_owned() -> None:
    op.create_table("users", _tenant(), *_users(), _owner("users"), _pk("users", "tenant_id", "user_id"))
    op.create_table(
        "entities", _tenant(), *_labelled("entity_id"), _owner("entities"), _pk("entities", "tenant_id", "entity_id")
    )
    op.create_table(
        "relations",
        _tenant(),
        *_labelled("relation_id"),
        _owner("relations"),
        _pk("relations", "tenant_id", "relation_id"),
    )
    op.create_table(
        "items", _tenant(), *_items(), _owner("items"), _reference("items", "entity_id", "entities.entity_id"),
        _pk("items", "tenant_id", "item_id"),
    )  # fmt: skip
    op.create_index("ix_items_tenant_id_entity_id", "items", ["tenant_id", "entity_id"])
    ends = [_reference("facts", *ends) for ends in _ENDS]
    op.create_table("facts", *_facts(_tenant()), *ends)
    op.create_index(
        "uq_facts_tenant_id_head_relation_tail", "facts", ["tenant_id", "head", "relation", "tail"], unique=True
    )
    op.create_index("ix_facts_tenant_id_tail_relation", "facts", ["tenant_id", "tail", "relation"])
    op.create_index("ix_facts_tenant_id_relation_tail", "facts", ["tenant_id", "relation", "tail"])
    who_what = [_reference("interactions", *reference) for reference in _WHO_WHAT]
    op.create_table(
        "interactions", _tenant(), *_interactions(), *who_what, _pk("interactions", "tenant_id", "user_id", "item_id")
    )
    op.create_index("ix_interactions_tenant_id_item_id", "interactions", ["tenant_id", "item_id"])
    op.create_table("stamps", _tenant(), *_stamps(), _owner("stamps"), _pk("stamps", "tenant_id", "name"))
    op.create_table("releases", _tenant(), *_releases(), _owner("releases"), _pk("releases", "tenant_id", "release_id"))
    _create_active_index("uq_releases_tenant_id_is_active", ["tenant_id", "is_active"])


def _create_unowned() -> None:
    op.create_table("users", *_users(), _pk("users", "user_id"))
    op.create_table("entities", *_labelled("entity_id"), _pk("entities", "entity_id"))
    op.create_table("relations", *_labelled("relation_id"), _pk("relations", "relation_id"))
    op.create_table("items", *_items(), _fk("items", "entity_id", "entities.entity_id"), _pk("items", "item_id"))
    op.create_index("ix_items_entity_id", "items", ["entity_id"])
    op.create_table("facts", *_facts(), *(_fk("facts", *ends) for ends in _ENDS))
    op.create_index("uq_facts_head_relation_tail", "facts", ["head", "relation", "tail"], unique=True)
    op.create_index("ix_facts_tail_relation", "facts", ["tail", "relation"])
    op.create_index("ix_facts_relation_tail", "facts", ["relation", "tail"])
    who_what = [_fk("interactions", *reference) for reference in _WHO_WHAT]
    op.create_table("interactions", *_interactions(), *who_what, _pk("interactions", "user_id", "item_id"))
    op.create_index("ix_interactions_item_id", "interactions", ["item_id"])
    op.create_table("stamps", *_stamps(), _pk("stamps", "name"))
    op.create_table("releases", *_releases(), _pk("releases", "release_id"))
    _create_active_index("uq_releases_is_active", ["is_active"])


_ENDS = (("head", "entities.entity_id"), ("relation", "relations.relation_id"), ("tail", "entities.entity_id"))
_WHO_WHAT = (("user_id", "users.user_id"), ("item_id", "items.item_id"))

Columns = list[sa.Column[object]]


def _users() -> Columns:
    version: sa.Column[object] = sa.Column("history_version", sa.Integer(), server_default=sa.text("0"), nullable=False)
    return [_key("user_id"), version, _created_at()]


def _labelled(key: str) -> Columns:
    return [_key(key), sa.Column("label", sa.String())]


def _items() -> Columns:
    return [_key("item_id"), sa.Column("title", sa.String()), sa.Column("entity_id", _TEXT)]


def _facts(*owner: sa.Column[object]) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *owner,
        _key("head"),
        _key("relation"),
        _key("tail"),
        sa.Column("origin", sa.String(), server_default=sa.text("'stored'"), nullable=False),
        sa.CheckConstraint("origin IN ('stored', 'accepted')", name="ck_facts_origin"),
        _pk("facts", "id"),
    ]


def _interactions() -> Columns:
    return [
        _key("user_id"),
        _key("item_id"),
        sa.Column("value", sa.Double()),
        sa.Column("timestamp", sa.BigInteger()),
    ]


def _stamps() -> Columns:
    return [_key("name"), sa.Column("value", sa.BigInteger(), nullable=False)]


def _releases() -> Columns:
    return [
        _key("release_id"),
        sa.Column("activated_at", sa.DateTime(timezone=True)),
        sa.Column("is_active", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("problem", sa.String()),
    ]


def _create_active_index(name: str, columns: Sequence[str]) -> None:
    only = sa.text("is_active")
    op.create_index(name, "releases", columns, unique=True, sqlite_where=only, postgresql_where=only)


def _key(name: str) -> sa.Column[object]:
    return sa.Column(name, _TEXT, nullable=False)


def _tenant() -> sa.Column[object]:
    return sa.Column("tenant_id", sa.Integer(), nullable=False)


def _created_at() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _pk(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return _fk(table, "tenant_id", "tenants.tenant_id")


def _fk(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}")


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    """Refer to a row of the same tenant."""
    parent = target.split(".")[0]
    name = f"fk_{table}_tenant_id_{column}"
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{parent}.tenant_id", target], name=name)
