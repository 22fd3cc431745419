"""Parquet to rows of texts: times as ISO 8601 in UTC, lists as JSON, null as an empty text."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from training.data.errors import MalformedFile
from training.data.ledger import ORIGIN, SourceFile, originated
from training.data.readers.interactions.shared.files import Files, apart, without_nul
from training.data.readers.interactions.shared.json_rows import spelled
from training.data.readers.rows import Refine

ENDING = ".parquet"
PIECE = 1_000_000  # rows
_BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def is_parquet(path: Path) -> bool:
    """Say by its name whether a file is Parquet."""
    return path.name.lower().endswith(ENDING)


def names_of(path: Path) -> tuple[str, ...]:
    """Give the names of the columns; none where the file is no Parquet."""
    try:
        with _quiet():
            return tuple(map(apart, pl.read_parquet_schema(path)))
    except _BROKEN:
        return ()


def read_parquet(files: Files, path: Path, wanted: Mapping[str, str], refine: Refine | None = None) -> pl.DataFrame:
    """Read columns, a million rows at a time; "line" in messages means row.

    Args:
        files: where the file belongs.
        path: the file.
        wanted: our column -> theirs, as `names_of` spells it.
        refine: as in `read_rows`.

    Raises:
        MalformedFile: this is no Parquet file, or it is broken.
    """
    name = files.source.name_of(path)
    files.options.progress(f"reading {name}")
    entry = files.ledger.open(SourceFile(path, name, "parquet"))
    frames = []
    for first, piece in _pieces(path, wanted):
        files.ledger.count(entry, piece.height)
        lines = pl.int_range(first + 1, first + piece.height + 1, eager=True)
        rows = pl.concat([originated(entry, lines).select(ORIGIN), piece], how="horizontal")
        rows = without_nul(rows, files.ledger)
        frames.append(rows if refine is None else refine(rows))
    return pl.concat(frames)


def _pieces(path: Path, wanted: Mapping[str, str]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Give pieces of texts with the number of rows before; one at least."""
    try:
        with _quiet():
            table = pl.scan_parquet(path, glob=False)
            theirs = {apart(column): column for column in table.collect_schema()}
            height = table.select(pl.len()).collect().item()
        for first in range(0, max(height, 1), PIECE):
            with _quiet():
                piece = table.select(pl.col(theirs[column]).alias(ours) for ours, column in wanted.items())
                found = piece.slice(first, PIECE).collect()
                texts = found.select(_text(found[column]) for column in found.columns)
            yield first, texts.select(pl.all().fill_null("").str.strip_chars())
    except _BROKEN as error:
        reason = str(error).partition("\n")[0][:120]
        raise MalformedFile(path, 1, "a whole Parquet file", f"one that cannot be read ({reason})") from None


def _text(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        column = column if column.dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.f").alias(column.name)
    if isinstance(column.dtype, pl.List | pl.Array | pl.Struct):
        cells = [None if cell is None else spelled(cell) for cell in column.to_list()]
        return pl.Series(column.name, cells, pl.String)
    return column.cast(pl.String)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep off the terminal what polars' threads write there when a file breaks them; the error still comes."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
