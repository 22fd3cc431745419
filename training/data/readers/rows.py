"""Text files to rows with their origin, piece by piece: what every reader of lines and columns stands on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import polars as pl

from training.data.errors import MalformedFile
from training.data.ledger import FILE, LINE, ORIGIN, Ledger, SourceFile, SourceText, sift
from training.data.readers.base import ReadOptions
from training.data.readers.sheet import LINES, WHITESPACE, Sheet, cell, parse_plain, parse_quoted
from training.data.readers.source import Source
from training.data.readers.text import read_text

Quoting = Literal["none", "rfc4180", "backslash"]
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
    name = source.name_of(path)
    options.progress(f"reading {name}")
    text = read_text(path, name, encoding=options.encoding or fallback, expected=expected)
    sheet = _parse(text.text, dialect, None if callable(columns) else len(columns))
    places = _places(path, sheet, columns, expected, text)
    width = f"{len(sheet.header)} columns ({', '.join(sheet.header)})" if sheet.header else expected
    rows = enter(text.file, sheet, ledger, width).select(*ORIGIN, **{n: pl.col(cell(p)) for n, p in places.items()})
    rows = rows if refine is None else refine(rows)
    return rows.with_columns(pl.col(column).cast(pl.Categorical) for column in intern)


def enter(file: SourceFile, sheet: Sheet, ledger: Ledger, expected: str) -> pl.DataFrame:
    """Enter a sheet in the ledger and give its rows with their origin.

    Rows of another width are rejected as not `expected`, and so are rows with a NUL character, which no database text
    can hold (UTF-16 that was read as UTF-8 is full of them).
    """
    place = ledger.open(file, sheet.rows.height + len(sheet.bad_lines), sheet.blank_lines)
    origin = pl.lit(place, dtype=pl.Int64).alias(FILE)
    ledger.reject(pl.DataFrame({LINE: sheet.bad_lines}).with_columns(origin), "wrong number of columns", expected)
    nul = pl.any_horizontal(pl.exclude(LINE, FILE).str.contains("\0", literal=True))
    return sift(sheet.rows.with_columns(origin), ~nul, ledger, "NUL character", "text without NUL characters")


def _parse(text: str, dialect: Dialect, width: int | None) -> Sheet:
    if dialect.quoting == "none":
        return parse_plain(text, dialect.separator, width)
    escape = "\\" if dialect.quoting == "backslash" else None
    return parse_quoted(text, dialect.separator, width, quote=dialect.quote, escape=escape)


def _places(
    path: Path, sheet: Sheet, columns: Sequence[str] | Header, expected: str, text: SourceText
) -> Mapping[str, int]:
    if not callable(columns):
        return {name: place for place, name in enumerate(columns)}
    places = columns(sheet.header or ())
    if places is None:
        raise MalformedFile(path, sheet.header_line, expected, text.file.line(sheet.header_line))
    return places
