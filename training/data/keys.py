"""Rows compared by numbers instead of texts: what keeps tables of many millions of rows within bounds.

Id columns of large tables are `pl.Categorical`: four bytes a cell, all columns with one mapping from texts to codes.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

SPLITS = ("train", "valid", "test")
SPLIT_TYPE = pl.Enum(SPLITS)
_BITS = 64


def compact(table: pl.DataFrame) -> pl.DataFrame:
    """Give the table with its texts as codes: splits in one byte, other texts in four."""
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String and name != "split"]
    table = table.with_columns(pl.col(texts).cast(pl.Categorical)) if texts else table
    return table.with_columns(pl.col("split").cast(SPLIT_TYPE)) if table.schema.get("split") == pl.String else table


def codes(column: pl.Series) -> NDArray[np.uint32]:
    """Give a number for each text: (n,) uint32, equal for equal texts, also of other columns."""
    column = column if column.dtype == pl.Categorical else column.cast(pl.Categorical)
    return column.to_physical().to_numpy()


def dense(column: pl.Series) -> tuple[NDArray[np.uint32], int]:
    """Number the texts of a column from 0 without gaps, in no particular order; also gives how many there are."""
    found = codes(column)
    used = np.zeros(int(found.max(initial=0)) + 1, dtype=np.bool_)
    used[found] = True
    return (np.cumsum(used, dtype=np.uint32) - 1).astype(np.uint32)[found], int(used.sum())


def packed(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Give one uint64 a row, equal where all of the columns (texts without nulls) are equal."""
    numbered = [dense(rows[column]) for column in columns]
    if sum(max(size - 1, 1).bit_length() for _, size in numbered) > _BITS:
        return _by_first(rows, columns)
    key = np.zeros(rows.height, dtype=np.uint64)
    for numbers, size in numbered:
        key *= np.uint64(max(size, 1))
        key += numbers
    return pl.Series(key)


def repeated(keys: pl.Series) -> pl.Series:
    """Mark the keys that occur more than once. Sorting a copy costs 8 bytes a key; a table of the keys costs 40."""
    ordered = np.sort(keys.to_numpy())
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(again):
        return pl.repeat(False, len(keys), eager=True)
    return keys.is_in(pl.Series(again, dtype=keys.dtype).implode())


def has_repeats(rows: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Say whether two rows have the same texts in these columns."""
    keys = np.sort(packed(rows, columns).to_numpy())
    return bool((keys[1:] == keys[:-1]).any())


def rows_of(ids: pl.Series, vocabulary: pl.Series) -> NDArray[np.int64]:
    """Give the place of each id in the vocabulary, or -1: (n,) int64."""
    return Places(vocabulary).of(ids)


class Places:
    """The places of ids in a vocabulary, for many columns of them, one after the other."""

    def __init__(self, vocabulary: pl.Series) -> None:
        """Remember where each id stands. Memory: 8 bytes for each text that has a code."""
        self._kept = vocabulary.cast(pl.Categorical)  # polars forgets its codes when no column has them any more
        known = codes(self._kept)
        self._places = np.full(int(known.max(initial=0)) + 2, -1, dtype=np.int64)
        self._places[known] = np.arange(len(known))

    def of(self, ids: pl.Series) -> NDArray[np.int64]:
        """Give the place of each id, or -1: (n,) int64."""
        # A code above all of the vocabulary is that of a stranger; the last place is nobody's.
        found: NDArray[np.int64] = self._places[np.minimum(codes(ids), len(self._places) - 1)]
        return found


def _by_first(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    different = rows.select(columns).unique(maintain_order=True).with_row_index("_key")
    joined = rows.select(columns).join(different, on=list(columns), how="left", maintain_order="left")
    return joined["_key"].cast(pl.UInt64)
