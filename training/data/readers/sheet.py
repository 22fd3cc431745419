"""Text to rows of cells. Line ends CRLF, LF and CR mean the same; a missing last one means nothing."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from training.data.ledger import LINE

_BROKEN_QUOTES: list[str] = []
Record = tuple[int, list[str]]


@dataclass(frozen=True)
class Sheet:
    """Rows whose number of cells is right, and where the others stand.

    Attributes:
        columns: names of the cells of a row, given or read from the header.
        header_line: the line of the header, or None.
        rows: `_line` (int64) and one trimmed text a column.
        bad_lines: first lines of the records with another number of cells, or with broken quotes.
        blank_lines: lines of nothing but white space, which are no rows.
    """

    columns: tuple[str, ...]
    header_line: int | None
    rows: pl.DataFrame
    bad_lines: pl.Series
    blank_lines: int


def parse_plain(text: str, separator: str, columns: Sequence[str] | None = None) -> Sheet:
    """Split each line at each separator; a quote is a character like any other.

    Args:
        text: the whole file.
        separator: one character.
        columns: names of the columns, or None where the first row that is not blank names them.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n") if text else []
    table = pl.DataFrame({"text": pl.Series(lines, dtype=pl.String)}).with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE)
    )
    blank = (pl.col("text").str.strip_chars() == "") & ~pl.col("text").str.contains(separator, literal=True)
    full = table.filter(~blank)
    header_line = None
    if columns is None:
        columns = [cell.strip() for cell in (full["text"][0] if full.height else "").split(separator)]
        header_line = full[LINE][0] if full.height else None
        full = full.slice(1)
    rows, bad = _cells(full, separator, columns)
    blanks = table.height - full.height - (header_line is not None)
    return Sheet(tuple(columns), header_line, rows, bad, blanks)


def parse_csv(text: str, separator: str, columns: Sequence[str] | None = None) -> Sheet:
    """Split as RFC 4180: a quoted cell may hold separators, doubled quotes and line ends.

    Where quotes break the rule, one line is given up and the next one is read afresh, so that a quote that is never
    closed cannot swallow the rest of the file.
    """
    if '"' not in text:
        return parse_plain(text, separator, columns)
    records = list(_records(text, separator))
    full = [(line, cells) for line, cells in records if cells == _BROKEN_QUOTES or not _is_blank(cells)]
    header_line = None
    if columns is None:
        header_line, header = full[0] if full else (None, [""])
        columns = [cell.strip() for cell in header]
        full = full[1:]
    good = [(line, cells) for line, cells in full if len(cells) == len(columns)]
    bad = [line for line, cells in full if len(cells) != len(columns)]
    blanks = len(records) - len(full) - (header_line is not None)
    return Sheet(tuple(columns), header_line, _frame(good, columns), pl.Series(LINE, bad, dtype=pl.Int64), blanks)


def _cells(lines: pl.DataFrame, separator: str, columns: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    width = len(columns)
    cells = lines.select(LINE, pl.col("text").str.split_exact(separator, width).alias("cell")).unnest("cell")
    complete = cells[f"field_{width - 1}"].is_not_null() & cells[f"field_{width}"].is_null()
    names = [pl.col(f"field_{place}").str.strip_chars().alias(column) for place, column in enumerate(columns)]
    return cells.filter(complete).select(LINE, *names), cells.filter(~complete)[LINE]


def _frame(records: Sequence[Record], columns: Sequence[str]) -> pl.DataFrame:
    cells = zip(*(cells for _, cells in records), strict=True) if records else [()] * len(columns)
    texts = {
        column: pl.Series(values, dtype=pl.String).str.strip_chars()
        for column, values in zip(columns, cells, strict=True)
    }
    return pl.DataFrame({LINE: pl.Series([line for line, _ in records], dtype=pl.Int64), **texts})


def _records(text: str, separator: str) -> Iterator[Record]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        start = lines.place
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.place = start + 1
            yield start + 1, _BROKEN_QUOTES
        else:
            yield start + 1, cells or [""]


class _Lines:
    """Lines with their ends, and a place that can be set back."""

    def __init__(self, text: str) -> None:
        self._lines = list(io.StringIO(text, newline=""))
        self.place = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.place >= len(self._lines):
            raise StopIteration
        self.place += 1
        return self._lines[self.place - 1]


def _is_blank(cells: Sequence[str]) -> bool:
    return len(cells) == 1 and not cells[0].strip()
