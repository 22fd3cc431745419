"""JSON and Parquet to rows of texts, as `read_rows` gives them for lines: origin, all cells text, nothing lost."""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from training.data.errors import MalformedFile
from training.data.ledger import LINE, ORIGIN, SourceFile, originated, sift
from training.data.readers.interactions.shared.facts import has_half
from training.data.readers.interactions.shared.files import Files, apart
from training.data.readers.source import Source
from training.data.readers.text import read_text

JSON_ENDINGS = (".json", ".jsonl", ".ndjson")
PARQUET = ".parquet"
MAX_COLUMNS = 1_000
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)  # numbers stay as they are written
_BLANK = re.compile(r"[ \t\r\n]*")
_BROKEN_PARQUET = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)

Object = tuple[int, dict[str, str] | None]


def is_json(path: Path) -> bool:
    """Say by its name whether a file is JSON: one array of objects, or an object a line."""
    return path.name.removesuffix(".gz").lower().endswith(JSON_ENDINGS)


def read_json(files: Files, path: Path) -> pl.DataFrame:
    """Read the objects of an array, or one of each line, as rows; a key that an object lacks is an empty text.

    Numbers are texts as they are written, lists and objects are JSON, null is empty. A line that holds no object is
    rejected; an array that is broken is not read on.

    Raises:
        MalformedFile: the array is broken, or there are more than 1,000 different keys.
    """
    name = files.source.name_of(path)
    files.options.progress(f"reading {name}")
    expected = "a JSON array of objects, or an object on each line"
    text = read_text(path, name, encoding=files.options.encoding or files.fallback, expected=expected)
    is_array = text.text.lstrip().startswith("[")
    objects = list(_array(path, text.text) if is_array else _lines(text.text))
    good = [(line, cells) for line, cells in objects if cells is not None]
    columns = list(dict.fromkeys(key for _, cells in good for key in cells))
    if len(columns) > MAX_COLUMNS:
        raise MalformedFile(path, 1, f"at most {MAX_COLUMNS} different keys", f"{len(columns)}")
    rows = pl.DataFrame(
        {LINE: [line for line, _ in good], **{key: [cells.get(key, "") for _, cells in good] for key in columns}},
        schema={LINE: pl.Int64, **dict.fromkeys(columns, pl.String)},
    )
    bad = [line for line, cells in objects if cells is None]
    return _entered(files, text.file, rows, bad, "not a JSON object", 'a JSON object such as {"user_id": "u1"}')


def read_parquet(files: Files, path: Path) -> pl.DataFrame:
    """Read the columns of a Parquet file as texts; times become ISO 8601 in UTC, lists JSON, null is empty.

    Raises:
        MalformedFile: this is no Parquet file, or it is broken.
    """
    name = files.source.name_of(path)
    files.options.progress(f"reading {name}")
    try:
        with path.open("rb") as file, _quiet():
            table = pl.read_parquet(file)
        table = pl.DataFrame([_text(table[column]).alias(apart(column)) for column in table.columns])
    except _BROKEN_PARQUET as error:
        reason = str(error).partition("\n")[0][:120]
        raise MalformedFile(path, 1, "a whole Parquet file", f"one that cannot be read ({reason})") from None
    rows = table.select(pl.all().fill_null("").str.strip_chars()).with_row_index(LINE, offset=1).cast({LINE: pl.Int64})
    return _entered(files, SourceFile(path, name, "parquet"), rows, [], "", "")


def _entered(
    files: Files, file: SourceFile, rows: pl.DataFrame, bad: Sequence[int], reason: str, expected: str
) -> pl.DataFrame:
    entry = files.ledger.open(file, rows.height + len(bad))
    if bad:
        files.ledger.reject(originated(entry, pl.Series(bad)), reason, expected)
    rows = rows.with_columns(originated(entry, rows[LINE])).select(*ORIGIN, pl.exclude(*ORIGIN))
    nul = pl.any_horizontal(pl.lit(False), pl.exclude(ORIGIN).str.contains("\0", literal=True))
    return sift(rows, ~nul, files.ledger, "NUL character", "text without NUL characters")


def _text(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        column = column if column.dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.f").alias(column.name)
    if isinstance(column.dtype, pl.List | pl.Array | pl.Struct):
        return pl.Series(
            column.name, [None if cell is None else _spelled(cell) for cell in column.to_list()], pl.String
        )
    return column.cast(pl.String)


def _array(path: Path, text: str) -> Iterator[Object]:
    """Give the objects of an array with the lines they start on."""
    place, line, seen = text.index("[") + 1, 1, 0
    while True:
        place = _skip(text, place)
        line += len(_LINE_ENDS.findall(text, seen, place))
        seen = place
        if text[place : place + 1] == "]":
            break
        try:
            found, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            raise MalformedFile(path, line, "a whole JSON array of objects", _shown(text, place)) from None
        yield line, _cells(found)
        place = _skip(text, end)
        sign = text[place : place + 1]
        if sign not in (",", "]") or (sign == "," and text.startswith("]", _skip(text, place + 1))):
            raise MalformedFile(path, line, "a comma and an object, or ] behind the last one", _shown(text, place))
        place += sign == ","
    if text[place + 1 :].strip():
        raise MalformedFile(path, line, "nothing behind the array", _shown(text, place + 1))


def _lines(text: str) -> Iterator[Object]:
    for line, content in enumerate(_LINE_ENDS.split(text), start=1):
        if not content.strip():
            continue
        try:
            found = _DECODER.decode(content.strip())
        except (ValueError, RecursionError):
            found = None
        yield line, _cells(found)


def _cells(found: object) -> dict[str, str] | None:
    """Give the texts of an object, or None for anything else, and where a text is half a character."""
    if not isinstance(found, dict):
        return None
    cells = {apart(key): _spelled(value).strip() for key, value in found.items()}
    return None if any(map(has_half, (*cells, *cells.values()))) else cells


def _spelled(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _skip(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _shown(text: str, place: int) -> str:
    return repr(text[place : place + 80] or "the end of the file")


def is_parquet(path: Path) -> bool:
    """Say by its name whether a file is Parquet."""
    return path.name.lower().endswith(PARQUET)


def names_in_json(source: Source, path: Path) -> tuple[str, ...]:
    """Give the keys of the first object, as far as the head of the file shows it; none where it shows no object."""
    text = source.head(path).decode("utf-8", errors="ignore").removeprefix("\ufeff").lstrip()
    try:
        found, _ = _DECODER.raw_decode(text, _skip(text, 1) if text.startswith("[") else 0)
    except (ValueError, RecursionError):
        return ()
    return tuple(_cells(found) or ())


def names_in_parquet(path: Path) -> tuple[str, ...]:
    """Give the names of the columns; none where the file is no Parquet."""
    try:
        with path.open("rb") as file, _quiet():
            return tuple(map(apart, pl.read_parquet_schema(file)))
    except _BROKEN_PARQUET:
        return ()


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
