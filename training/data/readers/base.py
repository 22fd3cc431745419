"""What every reader gives, and the steps that readers share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from training.data.ledger import FILE, LINE, Ledger, SourceText, sift
from training.data.readers.sheet import Sheet


def _silent(message: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class ReadOptions:
    """What a person may say about the source; `progress` is told what is being read."""

    encoding: str | None = None
    progress: Callable[[str], None] = _silent


@dataclass(frozen=True)
class RawTables:
    """Well-formed rows, not yet cleaned. The columns `_file` and `_line` say where each came from.

    Attributes:
        declared: users, items, entities and relations that the source lists in files of their own, with their labels;
            each as in `schema.TABLES`, every id once.
        interactions: user_id, item_id, value, timestamp, and split where the source gives one.
        triples: head, relation, tail, and split where the source gives one.
        links: item_id, entity_id; may name unknown ids.
        relations_are_declared: every relation of the triples stands in `declared`, so their column cannot be another.
    """

    source_format: str
    declared: Mapping[str, pl.DataFrame]
    interactions: pl.DataFrame
    triples: pl.DataFrame
    links: pl.DataFrame
    relations_are_declared: bool
    warnings: Sequence[str] = field(default_factory=tuple)


class Reader(Protocol):
    """One source format. `layout` shows its files in a few lines of help."""

    name: str
    layout: str

    def read(self, source: Path, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read the directory `source`; every row is in the result or dropped in the ledger.

        Raises:
            DatasetError: a file is missing, cannot be decoded, or holds too many malformed rows.
        """


def enter(source: SourceText, sheet: Sheet, ledger: Ledger, expected: str) -> pl.DataFrame:
    """Enter a sheet in the ledger and give its rows with their origin.

    Rows of another width are rejected as not `expected`, and so are rows with a NUL character, which no database text
    can hold (UTF-16 that was read as UTF-8 is full of them).
    """
    file = ledger.open(source, sheet.rows.height + len(sheet.bad_lines), sheet.blank_lines)
    origin = pl.lit(file, dtype=pl.Int64).alias(FILE)
    ledger.reject(pl.DataFrame({LINE: sheet.bad_lines}).with_columns(origin), "wrong number of columns", expected)
    nul = pl.any_horizontal(pl.exclude(LINE, FILE).str.contains("\0", literal=True))
    return sift(sheet.rows.with_columns(origin), ~nul, ledger, "NUL character", "text without NUL characters")


def require_ids(rows: pl.DataFrame, columns: Sequence[str], ledger: Ledger) -> pl.DataFrame:
    """Reject rows where an id is empty."""
    for column in columns:
        rows = sift(rows, pl.col(column) != "", ledger, f"empty {column}", f"{column} not to be empty")
    return rows


def parse_value(rows: pl.DataFrame, column: str, ledger: Ledger) -> pl.DataFrame:
    """Turn a column of texts into float64; empty is null, anything but a finite number is rejected."""
    number = pl.col(column).cast(pl.Float64, strict=False)
    good = (pl.col(column) == "") | number.is_finite()
    rows = sift(rows, good, ledger, f"{column} is not a number", f"a number as {column}")
    return rows.with_columns(number)


def first_labels(rows: pl.DataFrame, key: str, label: str) -> pl.DataFrame:
    """Give each id once, in the order of appearance, with the first label that is not empty, or null."""
    named = rows.select(key, pl.col(label).replace("", None))
    return named.group_by(key, maintain_order=True).agg(pl.col(label).drop_nulls().first())
