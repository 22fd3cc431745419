"""INSERT … ON CONFLICT, which both databases know but SQLAlchemy keeps in their dialects."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import Stamp


def upsert(dialect: str, table: Any) -> Any:
    """Begin an insert that can say what to do about a row that is there already.

    Typed Any: the two dialects' inserts have the same methods but no common type.
    """
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect](table)


async def raise_stamp(connection: AsyncConnection, name: str, by: int = 1) -> None:
    """Tell every process that what it keeps of this tenant under this name has changed.

    Call it in the transaction of the change.
    """
    statement = upsert(connection.dialect.name, Stamp).values(name=name, value=by)
    changed = {"value": Stamp.value + by}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[Stamp.tenant_id, Stamp.name], set_=changed)
    )
