"""The database's own clock. Workers on several machines compare times; their clocks may differ, this is one."""

from typing import Any

from sqlalchemy import Double, func, literal_column
from sqlalchemy.sql import ColumnElement


def seconds_now(dialect: str) -> ColumnElement[float]:
    """Give seconds since 1970, UTC, as an expression, of the moment when the statement runs."""
    if dialect == "sqlite":
        return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Double)
    now: Any = func.extract("epoch", func.clock_timestamp())
    return now.cast(Double)  # type: ignore[no-any-return]
