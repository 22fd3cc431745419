"""The first lines of a file, for guessing what it is."""

import re
from collections.abc import Sequence
from pathlib import Path

from training.data.readers.base import NOT_MINE, Recognition
from training.data.readers.source import HEAD_BYTES, Source

_LINES = 50
_MOST = 0.8  # of the first lines; one that is broken does not change what a file is


def lines(source: Source, path: Path | None) -> list[str]:
    """Give the first lines that are not blank, without a byte order mark; none where there is no such file."""
    data = source.head(path) if path is not None else b""
    if len(data) == HEAD_BYTES and b"\n" in data:
        data = data[: data.rindex(b"\n")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return [line for line in re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")) if line.strip()][:_LINES]


def header(source: Source, path: Path | None, separator: str, quote: str = '"') -> tuple[str, ...]:
    """Give the trimmed cells of the first line."""
    first = next(iter(lines(source, path)), "")
    return tuple(cell.strip().strip(quote).strip() for cell in first.split(separator))


def fits(found: Sequence[str], pattern: str) -> bool:
    """Say whether there are lines, and nearly all of them fit a regular expression as a whole."""
    return bool(found) and sum(re.fullmatch(pattern, line) is not None for line in found) >= _MOST * len(found)


def recognised(certain: bool, why: str, score: float = 1.0) -> Recognition:
    """Give the score where the claim is true, else none."""
    return Recognition(score, why) if certain else NOT_MINE
