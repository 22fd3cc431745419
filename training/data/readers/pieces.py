"""A text that comes in pieces becomes sheets of whole rows, with lines counted from the start of the file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from training.data.ledger import LINE
from training.data.readers.fast import parse_fast
from training.data.readers.sheet import Sheet, line_ends, parse_plain, parse_quoted_piece

Quoting = Literal["none", "rfc4180", "backslash"]
MAX_LINE = 1 << 26  # characters; bounds the memory that a file without line ends can take
_FIRST = 1 << 16  # characters of the first sheet, which is read with more care


class LineTooLong(Exception):
    """No line ends within `MAX_LINE` characters; `line` is counted from 1."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


@dataclass(frozen=True)
class Cut:
    """How lines become cells; see `rows.Dialect`."""

    separator: str
    quoting: Quoting = "none"
    quote: str = '"'

    @property
    def escape(self) -> str | None:
        """The character that takes the meaning from the next one."""
        return "\\" if self.quoting == "backslash" else None


def sheets(texts: Iterable[str], cut: Cut, width: int | None) -> Iterator[Sheet]:
    """Give the rows of a text in several sheets, one at least; all have the header of the first.

    Args:
        texts: the text in pieces, cut anywhere.
        cut: how lines become cells.
        width: cells of a row, or None where the first row that is not blank is a header.

    Raises:
        LineTooLong: at once, with the line's number.
    """
    done, rest, blanks = 0, "", 0
    header, header_line, wanted = None, 1, width is None
    for text, last in _whole_lines(texts):
        text = rest + text
        sheet, rest = _parse(text, cut, width, last=last)
        if wanted and sheet.header is not None:
            header, header_line, width, wanted = sheet.header, sheet.header_line + done, len(sheet.header), False
        if not wanted or last:
            rows = sheet.rows.with_columns(pl.col(LINE) + done) if done else sheet.rows
            yield Sheet(header, header_line, rows, sheet.bad_lines + done, sheet.blank_lines + blanks)
        blanks = blanks + sheet.blank_lines if wanted else 0
        done += line_ends(text) - line_ends(rest)


def _parse(text: str, cut: Cut, width: int | None, *, last: bool) -> tuple[Sheet, str]:
    """Give the rows that are whole, and the text of those that may go on in the next piece."""
    if cut.quoting != "none" and (cut.quote in text or (cut.escape or cut.quote) in text):
        return parse_quoted_piece(text, cut.separator, width, quote=cut.quote, escape=cut.escape, last=last)
    fast = parse_fast(text, cut.separator, width) if width is not None else None
    return (parse_plain(text, cut.separator, width) if fast is None else fast), ""


def _whole_lines(texts: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Cut the text at line ends, after a small first part; the last part comes with True, even if it is empty."""
    carry, line, limit = "", 1, _FIRST
    for text in texts:
        carry += text
        while end := _last_end(carry[:limit]) or _last_end(carry):
            line, limit = line + line_ends(carry[:end]), MAX_LINE
            yield carry[:end], False
            carry = carry[end:]
        if len(carry) > MAX_LINE:
            raise LineTooLong(line)
    yield carry, True


def _last_end(text: str) -> int:
    """Give the place behind the last line end that is surely whole: a CR at the very end may have its LF to come."""
    return max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
