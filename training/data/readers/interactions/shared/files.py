"""The files of one source, read with the dialect that its format fixes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import polars as pl

from training.data.errors import MissingFile
from training.data.ledger import ORIGIN, ORIGIN_TYPES, Ledger, sift
from training.data.readers.base import ReadOptions, parse_value, require_ids
from training.data.readers.rows import Dialect, Header, Refine, read_rows
from training.data.readers.source import Source
from training.data.readers.times import parse_timestamp

LATIN = "latin-1"  # what the files of the nineties and two-thousands hold where they are not UTF-8; it loses no byte
IDS = ("user_id", "item_id")
Columns = Sequence[str] | Mapping[str, str] | Header
SPOKEN = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "blanks"}


@dataclass(frozen=True)
class Files:
    """Where rows come from, how a line becomes cells, and the book that accounts for each."""

    source: Source
    options: ReadOptions
    ledger: Ledger
    dialect: Dialect
    fallback: str | None = None
    warnings: list[str] = field(default_factory=list)

    def speaking(self, dialect: Dialect) -> Self:
        """Give the same files with another dialect."""
        return replace(self, dialect=dialect)

    def main(self, *names: str, holds: str) -> Path:
        """Give the first of these files; a single file that was named may have any name.

        Raises:
            MissingFile: it is not there; `holds` says what it should hold.
        """
        path = self.source.find(*names) or (self.source.listed[0] if len(self.source.listed) == 1 else None)
        if path is None:
            raise MissingFile(self.source.root / names[0], holds)
        return path

    def rows(
        self,
        path: Path,
        columns: Columns,
        *,
        optional: Sequence[str] = (),
        expected: str | None = None,
        refine: Refine | None = None,
        intern: Sequence[str] = (),
    ) -> pl.DataFrame:
        """Read a file as texts.

        Args:
            path: the file.
            columns: the names of the cells in their order; where there is a header, ours -> the header's, or a
                function as `read_rows` takes it.
            optional: of ours, those that may be missing; they are not in the result, then.
            expected: what stands in for "a header with the columns ..." in messages.
            refine, intern: as in `read_rows`.
        """
        return read_rows(
            self.source,
            path,
            self.dialect,
            columns=named(columns, optional) if isinstance(columns, Mapping) else columns,
            expected=expected or self._expected(columns, optional),
            options=self.options,
            ledger=self.ledger,
            refine=refine,
            intern=intern,
            fallback=self.fallback,
        )

    def interactions(
        self,
        path: Path,
        columns: Columns,
        *,
        optional: Sequence[str] = (),
        expected: str | None = None,
        first: Refine | None = None,
    ) -> pl.DataFrame:
        """Read who met what: user_id and item_id, and numbers in `value` and `timestamp`, null where there is none.

        Args:
            path, columns, optional, expected: as in `rows`.
            first: changes texts before numbers are made of them.
        """
        numbers = interactions(self.options, self.ledger)
        refine = numbers if first is None else lambda rows: numbers(first(rows))
        rows = self.rows(path, columns, optional=optional, expected=expected, refine=refine, intern=IDS)
        self.ledger.check()
        return rows

    def listed(self, path: Path | None, columns: Sequence[str] | Mapping[str, str], key: str) -> pl.DataFrame:
        """Read a list of things, each once; none where there is no such file."""
        if path is None:
            return none_of(columns)
        return once(self.rows(path, columns), key, self.ledger)

    def leave(self, reasons: Mapping[str, str]) -> None:
        """Warn of each of these files that is there: it is not used."""
        self.warnings.extend(f"{name} is not used: {why}" for name, why in reasons.items() if self.source.find(name))

    def _expected(self, columns: Columns, optional: Sequence[str]) -> str:
        if callable(columns):
            return "a header with the columns of this format"
        separator = SPOKEN.get(self.dialect.separator, self.dialect.separator)
        if isinstance(columns, Mapping):
            needed = ", ".join(theirs for ours, theirs in columns.items() if ours not in optional)
            return f"a header with the columns {needed}, each once, separated by {separator}"
        names = ", ".join(columns[:5]) + ", …" * (len(columns) > 5)
        return f"{len(columns)} columns separated by {separator} ({names})"


def every_column(header: tuple[str, ...]) -> Mapping[str, int] | None:
    """Give the places of all columns that have a name, the first of each; no header is one where none has."""
    return {apart(name): header.index(name) for name in header if name} or None


def interned(refine: Refine) -> Refine:
    """Give a step whose ids are `pl.Categorical`, as `read_rows` makes them of what it interns."""
    return lambda rows: refine(rows).with_columns(pl.col(IDS).cast(pl.Categorical))


def none_of(columns: Iterable[str]) -> pl.DataFrame:
    """Give these columns of texts with their origin, and no row."""
    return pl.DataFrame(schema=ORIGIN_TYPES | dict.fromkeys(columns, pl.String))


def interactions(options: ReadOptions, ledger: Ledger) -> Refine:
    """Give the step that makes ids certain and numbers of the texts in `value` and `timestamp`."""

    def refine(rows: pl.DataFrame) -> pl.DataFrame:
        absent = [pl.lit("").alias(column) for column in ("value", "timestamp") if column not in rows.columns]
        rows = require_ids(rows.with_columns(absent), IDS, ledger)
        rows = parse_value(rows, "value", ledger)
        rows = parse_timestamp(rows, "timestamp", options.time_unit, ledger)
        return rows.select(*ORIGIN, *IDS, "value", "timestamp", pl.exclude(*ORIGIN, *IDS, "value", "timestamp"))

    return refine


def named(columns: Mapping[str, str], optional: Sequence[str] = ()) -> Header:
    """Give the places of columns by their names in the header, as `read_rows` asks for them.

    No place is found where a column that is not optional is missing, or one of all stands there twice.
    """

    def places(header: tuple[str, ...]) -> Mapping[str, int] | None:
        found = {ours: header.index(theirs) for ours, theirs in columns.items() if theirs in header}
        certain = set(columns) - set(optional) <= set(found)
        return found if certain and all(header.count(columns[ours]) == 1 for ours in found) else None

    return places


def without_nul(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Reject rows with a NUL character, which no database text can hold."""
    nul = pl.any_horizontal(pl.lit(False), pl.exclude(*ORIGIN).str.contains("\0", literal=True))
    return sift(rows, ~nul, ledger, "NUL character", "text without NUL characters")


def apart(column: str) -> str:
    """Give the trimmed name of a column of theirs, kept apart from those of our own `_file` and `_line`."""
    return f"({column.strip()})" if column.strip() in ORIGIN else column.strip()


def once(rows: pl.DataFrame, key: str, ledger: Ledger) -> pl.DataFrame:
    """Give the first row of each id of a list, and enter all rows as kept, or as empty or repeated."""
    rows = require_ids(rows, (key,), ledger)
    first = rows[key].is_first_distinct()
    ledger.drop(rows.filter(~first), "repeated id")
    rows = rows.filter(first)
    ledger.keep(rows)
    ledger.check()
    return rows


def titled(rows: pl.DataFrame) -> pl.DataFrame:
    """Give item_id and title; an empty title is none."""
    return rows.select("item_id", pl.col("title").replace("", None))
