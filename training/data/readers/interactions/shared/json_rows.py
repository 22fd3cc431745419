"""JSON to rows of texts: an object on each line, or one array of objects. Numbers stay as they are written."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from training.data.errors import MalformedFile
from training.data.ledger import ORIGIN, originated
from training.data.readers.interactions.shared.facts import has_half
from training.data.readers.interactions.shared.files import Files, apart, without_nul
from training.data.readers.rows import Dialect, Refine
from training.data.readers.source import Source
from training.data.readers.text import read_text

ENDINGS = (".json", ".jsonl", ".ndjson")
MAX_KEYS = 1_000
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_BLANK = re.compile(r"[ \t\r\n]*")
_NO_OBJECT, _OBJECT = "not a JSON object", 'a JSON object such as {"user_id": "u1"}'

Cells = Mapping[str, str]


def is_json(path: Path) -> bool:
    """Say by its name whether a file is JSON."""
    return path.name.removesuffix(".gz").lower().endswith(ENDINGS)


def keys_of_head(source: Source, path: Path) -> tuple[str, ...]:
    """Give the keys of the objects that the head of a file shows whole; none where it shows no object."""
    data = source.head(path).decode("utf-8", errors="ignore").removeprefix("\ufeff").lstrip()
    objects = _first_of_array(data) if data.startswith("[") else map(_object, _LINE_ENDS.split(data))
    return tuple(dict.fromkeys(key for cells in objects if cells is not None for key in cells))


def read_json(
    files: Files, path: Path, wanted: Mapping[str, str] | None = None, refine: Refine | None = None
) -> pl.DataFrame:
    """Read objects as rows; a key that an object lacks is an empty text, so is null; lists and objects are JSON.

    A line that holds no object is rejected; an array that is broken is not read on.

    Args:
        files: where the file belongs.
        path: the file.
        wanted: our column -> their key; None takes all keys, and the whole file into memory.
        refine: as in `read_rows`; an array comes in one piece.

    Raises:
        MalformedFile: the array is broken, or there are more than 1,000 different keys.
    """
    if _is_array(files.source, path):
        rows = _of_array(files, path, wanted)
        return rows if refine is None else refine(rows)

    late: set[str] = set()

    def parse(lines: pl.DataFrame) -> pl.DataFrame:
        cells = [_object(text) for text in lines["json"]]
        good = pl.Series([found is not None for found in cells], dtype=pl.Boolean)
        files.ledger.reject(lines.filter(~good), _NO_OBJECT, _OBJECT)
        late.update(*(found for found in cells if found is not None))
        rows = _rows(path, lines.filter(good).select(ORIGIN), [found for found in cells if found is not None], wanted)
        rows = without_nul(rows, files.ledger)
        return rows if refine is None else refine(rows)

    speaking = files.speaking(Dialect(Dialect.LINES))
    if wanted is not None:
        rows = speaking.rows(path, ("json",), expected="a JSON object on each line", refine=parse)
        unused = sorted(late - {*keys_of_head(files.source, path), *wanted.values()})[:MAX_KEYS]
        if unused:
            name = files.source.name_of(path)
            files.warnings.append(f"{name}: keys of later objects are not used: {', '.join(unused)}")
        return rows
    return parse(speaking.rows(path, ("json",), expected="a JSON object on each line"))


def _of_array(files: Files, path: Path, wanted: Mapping[str, str] | None) -> pl.DataFrame:
    name = files.source.name_of(path)
    files.options.progress(f"reading {name}")
    text = read_text(path, name, encoding=files.options.encoding or files.fallback, expected="an array of objects")
    found = list(_array(path, text.text))
    entry = files.ledger.open(text.file, len(found))
    bad = pl.Series([line for line, cells in found if cells is None], dtype=pl.Int64)
    files.ledger.reject(originated(entry, bad), _NO_OBJECT, _OBJECT)
    lines = pl.Series([line for line, cells in found if cells is not None], dtype=pl.Int64)
    rows = _rows(path, originated(entry, lines), [cells for _, cells in found if cells is not None], wanted)
    return without_nul(rows.select(*ORIGIN, pl.exclude(*ORIGIN)), files.ledger)


def _rows(path: Path, origin: pl.DataFrame, found: Sequence[Cells], wanted: Mapping[str, str] | None) -> pl.DataFrame:
    if wanted is None:
        keys = dict.fromkeys(key for cells in found for key in cells)
        if len(keys) > MAX_KEYS:
            raise MalformedFile(path, 1, f"at most {MAX_KEYS} different keys", f"{len(keys)}")
        wanted = {key: key for key in keys}
    columns = (
        pl.Series(ours, [cells.get(theirs, "") for cells in found], dtype=pl.String) for ours, theirs in wanted.items()
    )
    return origin.with_columns(*columns)


def _is_array(source: Source, path: Path) -> bool:
    return source.head(path).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _first_of_array(text: str) -> Iterator[Cells | None]:
    """Give the objects of an array that is cut somewhere."""
    place = 1
    while True:
        try:
            found, end = _DECODER.raw_decode(text, _skip(text, place))
        except (ValueError, RecursionError):
            return
        yield _cells(found)
        place = _skip(text, end) + 1


def _array(path: Path, text: str) -> Iterator[tuple[int, Cells | None]]:
    """Give the objects of an array with the lines they start on."""
    place, line, seen = text.find("[") + 1, 1, 0
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


def _object(text: str) -> Cells | None:
    try:
        return _cells(_DECODER.decode(text))
    except (ValueError, RecursionError):
        return None


def _cells(found: object) -> Cells | None:
    """Give the texts of an object, or None for anything else, and where a text is half a character."""
    if not isinstance(found, dict):
        return None
    cells = {apart(key): spelled(value).strip() for key, value in found.items()}
    return None if any(map(has_half, (*cells, *cells.values()))) else cells


def spelled(value: object) -> str:
    """Give a value as the text of a cell: JSON where it is no text, empty where it is null."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _skip(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _shown(text: str, place: int) -> str:
    return repr(text[place : place + 80] or "the end of the file")
