"""Text files to rows with their origin, piece by piece: what every reader of lines and columns stands on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import polars as pl

from training.data.errors import MalformedFile
from training.data.ledger import FILE, LINE, ORIGIN, Ledger, SourceFile, originated, sift
from training.data.readers.base import ReadOptions
from training.data.readers.pieces import MAX_LINE, Cut, LineTooLong, Quoting, sheets
from training.data.readers.sheet import LINES, WHITESPACE, Sheet, cell
from training.data.readers.source import Source
from training.data.readers.text import open_text

Header = Callable[[tuple[str, ...]], Mapping[str, int] | None]
Refine = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Dialect:
    """How a line becomes cells.

    Attributes:
        separator: one or more characters; `WHITESPACE` is any run of blanks and tabs, `LINES` never splits.
        quoting: `none` (a quote is a character like any other), `rfc4180` (doubled quotes), `backslash` (\\" and \\\\).
        quote: the quote character.
        header: whether the first line that is not blank names the columns.
    """

    separator: str = "\t"
    quoting: Quoting = "none"
    quote: str = '"'
    header: bool = False

    WHITESPACE: ClassVar[str] = WHITESPACE
    LINES: ClassVar[str] = LINES

    def spoken(self, options: ReadOptions) -> Self:
        """Give the dialect with what a person said about it in place of what the format says."""
        return replace(
            self,
            separator=self.separator if options.separator is None else options.separator,
            quote=options.quote or self.quote,
            header=self.header if options.header is None else options.header,
            quoting=options.quoting or self.quoting,
        )


CSV = Dialect(",", "rfc4180", header=True)
TSV = Dialect("\t", header=True)


def read_rows(
    source: Source,
    path: Path,
    dialect: Dialect,
    *,
    columns: Sequence[str] | Header,
    expected: str,
    options: ReadOptions,
    ledger: Ledger,
    refine: Refine | None = None,
    intern: Sequence[str] = (),
    fallback: str | None = None,
) -> pl.DataFrame:
    """Read a file as text columns, `_file` and `_line`; every row is in the result or dropped in the ledger.

    Args:
        source: where the file belongs; names it in reports.
        path: the file, packed with gzip where its name ends in .gz.
        dialect: as the format fixes it; pass `dialect.spoken(options)` where a person may change it.
        columns: names of the cells, where there is no header; where there is one, a function from its trimmed cells
            to the place of each wanted column, or None if the header is not what the format says.
        expected: what the header, or a row, should be; finishes "expected ...".
        options: encoding and progress.
        ledger: rows of another width and with NUL characters are rejected there.
        refine: is given the rows of one PIECE of the file at a time, and gives back what is to stay in memory: cast
            numbers, `sift`, normalise ids here. Rows it leaves out must be entered in the ledger by it.
        intern: columns of the refined rows that become `pl.Categorical`: ids of large files, four bytes a cell.
        fallback: the encoding that files of this format are known to have, for those that are not UTF-8 and where
            `options` names none.

    Raises:
        MissingFile, UndecodableFile: the file cannot be read.
        MalformedFile: its header is not as expected; names its line, what was expected and what was found.
    """
    name, encoding = source.name_of(path), options.encoding or fallback
    options.progress(f"reading {name}")
    file, texts = open_text(path, name, encoding=encoding, expected=expected, count_bytes=options.count_bytes)
    entry, frames = ledger.open(file), []
    places: Mapping[str, int] = {} if callable(columns) else {column: place for place, column in enumerate(columns)}
    for sheet in _sheets(path, texts, dialect, None if callable(columns) else len(columns)):
        if callable(columns) and not places:
            places = _places(file, sheet, columns, expected)
        width = f"{len(sheet.header)} columns ({', '.join(sheet.header)})" if sheet.header else expected
        rows = enter(entry, sheet, ledger, width).select(*ORIGIN, **{n: pl.col(cell(p)) for n, p in places.items()})
        rows = rows if refine is None else refine(rows)
        frames.append(rows.with_columns(pl.col(column).cast(pl.Categorical) for column in intern))
    return pl.concat(frames)


def enter(entry: int, sheet: Sheet, ledger: Ledger, expected: str) -> pl.DataFrame:
    """Enter a sheet in the ledger and give its rows with their origin.

    Rows of another width are rejected as not `expected`, and so are rows with a NUL character, which no database text
    can hold (UTF-16 that was read as UTF-8 is full of them).
    """
    ledger.count(entry, sheet.rows.height + len(sheet.bad_lines), sheet.blank_lines)
    ledger.reject(originated(entry, sheet.bad_lines), "wrong number of columns", expected)
    rows = sheet.rows.with_columns(originated(entry, sheet.rows[LINE]))
    nul = pl.any_horizontal(pl.exclude(LINE, FILE).str.contains("\0", literal=True))
    return sift(rows, ~nul, ledger, "NUL character", "text without NUL characters")


def _sheets(path: Path, texts: Iterator[str], dialect: Dialect, width: int | None) -> Iterator[Sheet]:
    try:
        yield from sheets(texts, Cut(dialect.separator, dialect.quoting, dialect.quote), width)
    except LineTooLong as error:
        expected = f"lines of at most {MAX_LINE:,} characters"
        raise MalformedFile(path, error.line, expected, "a longer one without an end") from None


def _places(file: SourceFile, sheet: Sheet, columns: Header, expected: str) -> Mapping[str, int]:
    places = columns(sheet.header or ())
    if places is None:
        raise MalformedFile(file.path, sheet.header_line, expected, file.line(sheet.header_line))
    return places
