"""One hash for what a data set says, whatever wrote its files.

The digest runs over the tables in the order of `schema.TABLES`. Of each it takes the name, the number of rows and then,
column by column, the name, the type and the cells in row order. Texts are length-prefixed (first all lengths of the
column, then all bytes), so no two tables give the same bytes. Parquet's compression and encodings play no part.
The tables of `schema.OPTIONAL` follow where they have rows: data sets from before them keep their hashes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import polars as pl

from training.data.schema import OPTIONAL, TABLES

_CHUNK_ROWS = 1 << 17  # bounds the copies of a column in memory
_NULL_LENGTH = -1


class Column(Protocol):
    """What the hash asks of a column: its cells, piece by piece. A `pl.Series` is one."""

    @property
    def dtype(self) -> pl.DataType:
        """The type of its cells."""
        ...

    def __len__(self) -> int: ...

    def slice(self, offset: int, length: int | None = None) -> pl.Series:
        """Give `length` cells from `offset` on, or as many as there are."""
        ...


class Table(Protocol):
    """What the hash asks of a table. A `pl.DataFrame` is one; another may read its columns from a file."""

    @property
    def height(self) -> int:
        """The number of rows."""
        ...

    @property
    def schema(self) -> pl.Schema:
        """The types by column."""
        ...

    def __getitem__(self, column: str, /) -> Column: ...


def content_hash(tables: Mapping[str, Table]) -> str:
    """Give the SHA-256 of the tables' cells as 64 hexadecimal digits.

    Time: about 0.2 s for a million rows. A cell, a row's place or a null that changes, changes the digest.
    """
    digest = hashlib.sha256()
    given = {name: schema for name, schema in OPTIONAL.items() if name in tables and tables[name].height}
    for name, schema in {**TABLES, **given}.items():
        table = tables[name]
        digest.update(_prefixed(name) + table.height.to_bytes(8, "little"))
        for column in schema.names():
            is_text = schema[column] == pl.String  # which may lie in memory as codes
            digest.update(_prefixed(column) + _prefixed("String" if is_text else str(table.schema[column])))
            _add(digest, table[column])
    return digest.hexdigest()


def _prefixed(text: str) -> bytes:
    encoded = text.encode("utf-8")
    return len(encoded).to_bytes(8, "little") + encoded


def _add(digest: "hashlib._Hash", column: Column) -> None:
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        for texts in _texts(column):
            digest.update(_little_endian(texts.str.len_bytes().cast(pl.Int64).fill_null(_NULL_LENGTH), "<i8"))
        for texts in _texts(column):
            digest.update((texts.str.join("").item() or "").encode("utf-8"))
        return
    for part in _parts(column):
        digest.update(_little_endian(part.is_null().cast(pl.UInt8), "<u1"))
    for part in _parts(column):
        digest.update(_little_endian(part.fill_null(0), "<f8" if column.dtype == pl.Float64 else "<i8"))


def _texts(column: Column) -> Iterator[pl.Series]:
    return (part.cast(pl.String) for part in _parts(column))


def _parts(column: Column) -> Iterator[pl.Series]:
    return (column.slice(start, _CHUNK_ROWS) for start in range(0, len(column), _CHUNK_ROWS))


def _little_endian(column: pl.Series, dtype: str) -> bytes:
    return np.ascontiguousarray(column.to_numpy(), dtype=np.dtype(dtype)).tobytes()
