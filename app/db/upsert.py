"""INSERT … ON CONFLICT, which both databases know but SQLAlchemy keeps in their dialects."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite


def upsert(dialect: str, table: Any) -> Any:
    """Begin an insert that can say what to do about a row that is there already.

    Typed Any: the two dialects' inserts have the same methods but no common type.
    """
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect](table)
