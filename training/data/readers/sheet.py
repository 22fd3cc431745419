"""Text to rows of cells. Line ends CRLF, LF and CR mean the same; a missing last one means nothing."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from training.data.ledger import LINE

MAX_RECORD_LINES = 1_000  # of one CSV record; bounds what a quote that is never closed can cost
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
WHITESPACE = r"\s+"  # as a separator: any run of blanks and tabs
LINES = ""  # as a separator: none, a line is one cell
_BROKEN: list[str] = []

Record = tuple[int, list[str]]


@dataclass(frozen=True)
class Sheet:
    """Rows whose number of cells is right, and where the others start.

    Attributes:
        header: the trimmed cells of the first row; None where it was asked to be data, or there is none.
        header_line: the line of the header; 1 where there is none.
        rows: `_line` (int64) and the trimmed texts `cell_0`, `cell_1`, ...
        bad_lines: first lines (int64) of the records with another number of cells, or with broken quotes.
        blank_lines: lines of nothing but white space, which are no rows.
    """

    header: tuple[str, ...] | None
    header_line: int
    rows: pl.DataFrame
    bad_lines: pl.Series
    blank_lines: int


def cell(place: int) -> str:
    """Name the column of `Sheet.rows` that holds the cells at a place, counted from 0."""
    return f"cell_{place}"


def parse_plain(text: str, separator: str, width: int | None = None) -> Sheet:
    """Split each line at each separator; a quote is a character like any other.

    Args:
        text: the whole file.
        separator: one or more characters; `WHITESPACE` is any run of blanks and tabs, `LINES` never splits.
        width: cells of a row, or None where the first row that is not blank is a header.
    """
    lines = normal_ends(text).split("\n") if text else []
    table = pl.DataFrame({"text": pl.Series(lines, dtype=pl.String)}).with_row_index(LINE, offset=1)
    if separator == WHITESPACE:
        table, separator = table.with_columns(pl.col("text").str.strip_chars().str.replace_all(r"[ \t]+", "\t")), "\t"
    blank = pl.col("text").str.strip_chars() == ""
    if separator:
        blank &= ~pl.col("text").str.contains(separator, literal=True)
    full = table.filter(~blank).cast({LINE: pl.Int64})
    blanks = table.height - full.height
    header, header_line = None, 1
    if width is None and full.is_empty():
        width = 1
    elif width is None:
        first, header_line = full["text"][0], full[LINE][0]
        header = trimmed(first.split(separator) if separator else [first])
        full, width = full.slice(1), len(header)
    rows, bad = _split(full, separator, width)
    return Sheet(header, header_line, rows, bad, blanks)


def parse_quoted(
    text: str, separator: str, width: int | None = None, *, quote: str = '"', escape: str | None = None
) -> Sheet:
    """Split as RFC 4180: a quoted cell may hold separators, doubled quotes and line ends.

    Where quotes break the rule, one line is given up and the next one is read afresh, so that a quote that is never
    closed cannot swallow the rest of the file.

    Args:
        text: the whole file.
        separator: one character.
        width: cells of a row, or None where the first row that is not blank is a header.
        quote: one character.
        escape: a character that takes the meaning from the next one, or None.
    """
    if quote not in text and (escape is None or escape not in text):
        return parse_plain(text, separator, width)
    return parse_quoted_piece(text, separator, width, quote=quote, escape=escape, last=True)[0]


def parse_quoted_piece(
    text: str, separator: str, width: int | None, *, quote: str, escape: str | None, last: bool
) -> tuple[Sheet, str]:
    """Split a piece that ends with a line, as `parse_quoted`; what the next piece may change is given back as text.

    A record takes at most `MAX_RECORD_LINES`, so only those that start within that many lines of the end may change.
    """
    lines = _Lines(text)
    records = list(_records(lines, separator, quote, escape, len(lines) if last else len(lines) - MAX_RECORD_LINES))
    full = [record for record in records if not _is_blank(record[1])]
    blanks, header, header_line = len(records) - len(full), None, 1
    if width is None and not full:
        width = 1
    elif width is None:
        (header_line, cells), full = full[0], full[1:]
        header = trimmed(cells or [""])
        width = len(header)
    good = [record for record in full if len(record[1]) == width]
    bad = pl.Series(LINE, [line for line, cells in full if len(cells) != width], dtype=pl.Int64)
    return Sheet(header, header_line, _frame(good, width), bad, blanks), lines.rest()


def line_ends(text: str) -> int:
    """Count the line ends CRLF, LF and CR."""
    return text.count("\n") + (text.count("\r") - text.count("\r\n") if "\r" in text else 0)


def normal_ends(text: str) -> str:
    """Give the text with LF for every line end, and none at the end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    return text.removesuffix("\n")


def parse_csv(text: str, separator: str) -> Sheet:
    """Split as `parse_quoted`; the first row is a header."""
    return parse_quoted(text, separator)


def trimmed(cells: Sequence[str]) -> tuple[str, ...]:
    """Take white space off the ends of cells."""
    return tuple(text.strip(WHITE_SPACE) for text in cells)


def _split(lines: pl.DataFrame, separator: str, width: int) -> tuple[pl.DataFrame, pl.Series]:
    if not separator:
        whole = lines.select(LINE, pl.col("text").str.strip_chars().alias(cell(0)))
        return (whole, lines[LINE].clear()) if width == 1 else (whole.clear(), lines[LINE])
    fields = lines.select(LINE, pl.col("text").str.split_exact(separator, width).alias("fields")).unnest("fields")
    right = fields[f"field_{width - 1}"].is_not_null() & fields[f"field_{width}"].is_null()
    cells = [pl.col(f"field_{place}").str.strip_chars().alias(cell(place)) for place in range(width)]
    return fields.filter(right).select(LINE, *cells), fields.filter(~right)[LINE]


def _frame(records: Sequence[Record], width: int) -> pl.DataFrame:
    columns = list(zip(*(cells for _, cells in records), strict=True)) or [()] * width
    texts = (pl.Series(cell(place), texts, dtype=pl.String).str.strip_chars() for place, texts in enumerate(columns))
    return pl.DataFrame([pl.Series(LINE, [line for line, _ in records], dtype=pl.Int64), *texts])


def _records(lines: "_Lines", separator: str, quote: str, escape: str | None, end: int) -> Iterator[Record]:
    """Give each record that starts before line `end`; one with broken quotes has no cells and ends with its line."""
    reader = csv.reader(lines, delimiter=separator, quotechar=quote, escapechar=escape, strict=True)
    while lines.place < end:
        start = lines.start()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.place = start + 1
            cells = _BROKEN
        else:
            cells = cells or [""]
        yield start + 1, cells


class _Lines:
    """Lines with their ends, and a place that can be set back."""

    def __init__(self, text: str) -> None:
        self._lines = list(io.StringIO(text, newline=""))
        self.place = self._limit = 0

    def __len__(self) -> int:
        return len(self._lines)

    def rest(self) -> str:
        """Give the lines that were not read."""
        return "".join(self._lines[self.place :])

    def start(self) -> int:
        """Begin a record here."""
        self._limit = self.place + MAX_RECORD_LINES
        return self.place

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.place >= len(self._lines):
            raise StopIteration
        if self.place >= self._limit:
            raise csv.Error("record too long")
        self.place += 1
        return self._lines[self.place - 1]


def _is_blank(cells: Sequence[str]) -> bool:
    return len(cells) == 1 and not cells[0].strip(WHITE_SPACE)
