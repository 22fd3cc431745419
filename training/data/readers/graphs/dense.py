"""Files that number their ids, and other files that say what the numbers stand for."""

from collections.abc import Sequence

import polars as pl

from training.data.ledger import Ledger, sift
from training.data.readers.base import require_ids

DENSE, ORIGINAL = "dense id", "original id"


def numbered(rows: pl.DataFrame, columns: Sequence[str], ledger: Ledger) -> pl.DataFrame:
    """Turn columns of texts into int64; rows with something else than whole numbers from 0 are rejected."""
    for column in columns:
        number = pl.col(column).cast(pl.Int64, strict=False)
        rows = sift(rows, number >= 0, ledger, f"{column} is not a dense id", f"a whole number from 0 as {column}")
        rows = rows.with_columns(number)
    return rows


def one_to_one(rows: pl.DataFrame, ledger: Ledger, *, kept: bool = True) -> pl.DataFrame:
    """Take a map's rows of `DENSE` (text) and `ORIGINAL`: numbers, and each of both once.

    Rows that are the same are dropped but for the first; one number or one id with two partners is rejected. The rows
    that are left are entered as kept, but where they go on as rows of another table (`kept` is false).
    """
    rows = require_ids(numbered(rows, (DENSE,), ledger), (ORIGINAL,), ledger)
    first = rows.select(pl.struct(DENSE, ORIGINAL).is_first_distinct()).to_series()
    ledger.drop(rows.filter(~first), "repeated row")
    rows = rows.filter(first)
    for column in (DENSE, ORIGINAL):
        rows = sift(rows, pl.col(column).is_first_distinct(), ledger, f"{column} again", f"each {column} once")
    if kept:
        ledger.keep(rows)
    return rows


def originals(rows: pl.DataFrame, column: str, known: pl.DataFrame, listed_in: str, ledger: Ledger) -> pl.DataFrame:
    """Put original ids in place of the numbers of a column; rows with a number that is not listed are rejected."""
    pairs = known.select(pl.col(DENSE).alias(column), pl.col(ORIGINAL).alias("_original"))
    rows = rows.join(pairs, on=column, how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("_original").alias(column)).drop("_original")
    listed, expected = pl.col(column).is_not_null(), f"{column} to be listed in {listed_in}"
    return sift(rows, listed, ledger, f"unknown {column}", expected)
