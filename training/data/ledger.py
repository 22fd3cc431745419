"""The book of an import: which rows of which file were kept, and why the others were not."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO, cast

import polars as pl

from training.data.errors import TooManyBadRows
from training.data.report import Drop, FileReport

FILE = "_file"  # where a row came from: the place of its file in the ledger ...
LINE = "_line"  # ... and the line it starts on, counted from 1
ORIGIN = (FILE, LINE)  # both are null in rows that follow from others and were not read themselves
ORIGIN_TYPES = {FILE: pl.UInt16(), LINE: pl.UInt32()}

_FIRST_LINES = 5
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class SourceFile:
    """A file of rows, for reports and messages. `not_utf8_from_byte` is set where a declared encoding stepped in."""

    path: Path
    name: str
    encoding: str
    not_utf8_from_byte: int | None = None

    def line(self, number: int) -> str:
        """Show one line, cut short, the way it goes into a message: the file is read again up to there."""
        try:
            with self._lines() as lines:
                text = next(islice(lines, number - 1, None), "").rstrip("\n")
        except (OSError, EOFError, LookupError, zlib.error):
            return f"row {number}"  # not a file of text lines, such as Parquet
        text = text.removeprefix("\ufeff") if number == 1 else text
        return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")

    def _lines(self) -> TextIO:
        opened = gzip.open if self.path.suffix == ".gz" else open
        return cast(TextIO, opened(self.path, "rt", encoding=self.encoding, errors="backslashreplace", newline=None))


@dataclass(frozen=True)
class SourceText:
    """A decoded source file."""

    file: SourceFile
    text: str


@dataclass
class _Bad:
    line: int
    expected: str


@dataclass
class _Entry:
    source: SourceFile
    rows_read: int = 0
    blank_lines: int = 0
    rows_kept: int = 0
    dropped: dict[tuple[str, bool], tuple[int, list[int]]] = field(default_factory=dict)
    first_bad: _Bad | None = None


class Ledger:
    """Accounts for every row; `reports` fails if a row is neither kept nor dropped."""

    def __init__(self, max_bad_share: float = 0.01) -> None:
        """Allow this share of malformed rows in each file."""
        self.max_bad_share = max_bad_share
        self.warnings: list[str] = []
        self._entries: list[_Entry] = []

    def open(self, source: SourceFile, rows_read: int = 0, blank_lines: int = 0) -> int:
        """Enter a file; the number given back marks its rows in the column `_file`."""
        self._entries.append(_Entry(source, rows_read, blank_lines))
        return len(self._entries) - 1

    def count(self, file: int, rows_read: int, blank_lines: int = 0) -> None:
        """Enter how many more rows of a file were read."""
        self._entries[file].rows_read += rows_read
        self._entries[file].blank_lines += blank_lines

    def keep(self, rows: pl.DataFrame) -> None:
        """Enter rows that are part of the data set; those without an origin are not counted."""
        for file, count in rows.filter(pl.col(FILE).is_not_null()).group_by(FILE).len().iter_rows():
            self._entries[file].rows_kept += count

    def drop(self, rows: pl.DataFrame, reason: str) -> None:
        """Enter rows that are well formed, but not wanted."""
        self._enter(rows, reason, malformed=False)

    def reject(self, rows: pl.DataFrame, reason: str, expected: str) -> None:
        """Enter rows that are not what the format says; `expected` finishes "expected ..."."""
        self._enter(rows, reason, malformed=True)
        for file, _, lines in _by_file(rows):
            entry, first = self._entries[file], lines[0]
            if entry.first_bad is None or first < entry.first_bad.line:
                entry.first_bad = _Bad(first, expected)

    def check(self) -> None:
        """Stop the import where too many rows of a file that was read so far are malformed.

        Raises:
            TooManyBadRows: names the file, its first bad line and what was expected there.
        """
        for entry in self._entries:
            bad = sum(rows for (_, malformed), (rows, _) in entry.dropped.items() if malformed)
            if entry.first_bad and bad / entry.rows_read > self.max_bad_share:
                line, expected = entry.first_bad.line, entry.first_bad.expected
                path, found, rows = entry.source.path, entry.source.line(line), entry.rows_read
                raise TooManyBadRows(path, line, expected, found, bad, rows, self.max_bad_share)

    def source(self, file: int) -> SourceFile:
        """Give the file behind a file number."""
        return self._entries[file].source

    def reports(self) -> tuple[FileReport, ...]:
        """Close the book: one report a file, in the order in which they were read."""
        return tuple(self._report(entry) for entry in self._entries)

    def so_far(self) -> list[tuple[str, int, dict[str, int]]]:
        """Give each file with the rows that were read, and how many were left out why; the book stays open."""
        return [
            (entry.source.name, entry.rows_read, {reason: rows for (reason, _), (rows, _) in entry.dropped.items()})
            for entry in self._entries
        ]

    def _enter(self, rows: pl.DataFrame, reason: str, *, malformed: bool) -> None:
        for file, count, lines in _by_file(rows):
            dropped = self._entries[file].dropped
            before, first = dropped.get((reason, malformed), (0, []))
            dropped[reason, malformed] = (before + count, sorted([*first, *lines])[:_FIRST_LINES])

    def _report(self, entry: _Entry) -> FileReport:
        drops = (
            Drop(reason=reason, rows=rows, first_lines=tuple(lines), malformed=malformed)
            for (reason, malformed), (rows, lines) in entry.dropped.items()
        )
        return FileReport(
            name=entry.source.name,
            encoding=entry.source.encoding,
            not_utf8_from_byte=entry.source.not_utf8_from_byte,
            rows_read=entry.rows_read,
            rows_kept=entry.rows_kept,
            blank_lines=entry.blank_lines,
            dropped=tuple(drops),
        )


def originated(file: int, lines: pl.Series) -> pl.DataFrame:
    """Give the origin of rows of one file as the columns `_file` and `_line`."""
    return pl.DataFrame({LINE: lines}).select(pl.lit(file).alias(FILE), LINE).cast(ORIGIN_TYPES)  # type: ignore[arg-type]


def sift(rows: pl.DataFrame, good: pl.Expr, ledger: Ledger, reason: str, expected: str) -> pl.DataFrame:
    """Keep the rows that are good (null is not good); reject the others in the ledger."""
    mask = rows.select(good.fill_null(False).alias("good"))["good"]
    if not mask.all():
        ledger.reject(rows.filter(~mask), reason, expected)
        rows = rows.filter(mask)
    return rows


def _by_file(rows: pl.DataFrame) -> Iterator[tuple[int, int, list[int]]]:
    """Give each file with the number of its rows and the first lines of them; rows without an origin are left out."""
    first = pl.col(LINE).bottom_k(_FIRST_LINES).sort()
    yield from (
        rows.filter(pl.col(FILE).is_not_null()).group_by(FILE, maintain_order=True).agg(pl.len(), first).iter_rows()
    )
