"""Reads events from a file, CSV or JSON Lines, in bounded pieces; a row that cannot be read is told by its line.

InvalidEventFile(path, problems)    each problem is one line: `events.csv:17: …`

The columns are those of `POST /events`. In CSV an empty cell is a value that is not there.
"""

import csv
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from app.feedback import Event, EventType
from app.identifiers import id_problem

COLUMNS = ("event_id", "user_id", "item_id", "type", "value", "ts", "recommendation_id")
_REQUIRED = frozenset(COLUMNS[:4])
_TYPES = frozenset(get_args(EventType))
_LATEST = 253_402_300_799  # the last second of the year 9999
MOST_TOLD = 20
"""Problems that are told one by one; the rest are counted."""

Numbered = tuple[int, Event]
"""A line of the file, from 1, and the event that stands there."""


class InvalidEventFile(Exception):
    """The file has rows that cannot be read; nothing has been stored."""

    def __init__(self, path: Path, problems: list[str], n_problems: int) -> None:
        super().__init__(f"{path}: {n_problems} rows cannot be read")
        self.problems = problems
        self.n_problems = n_problems


class EventFile:
    """A file of events."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Choose the format by the name: `.csv`, or `.jsonl` and `.ndjson`. Events without a time get one now."""
        self.path = path
        self._now = int(clock())

    def check(self) -> int:
        """Read the whole file once and count its events; nothing is kept.

        Raises:
            InvalidEventFile: rows cannot be read; the first twenty are told.
        """
        n_events, problems, n_problems = 0, list[str](), 0
        for line, row in self._rows():
            problem = row if isinstance(row, str) else _problem(row)
            if problem is None:
                n_events += 1
                continue
            n_problems += 1
            if len(problems) < MOST_TOLD:
                problems.append(self.told(line, problem))
        if n_problems:
            raise InvalidEventFile(self.path, problems, n_problems)
        return n_events

    def pieces(self, size: int) -> Iterator[list[Numbered]]:
        """Give the events that can be read, at most `size` at a time; others are left out (see `check`)."""
        piece: list[Numbered] = []
        for line, row in self._rows():
            if not isinstance(row, str) and _problem(row) is None:
                piece.append((line, self._event(row)))
                if len(piece) == size:
                    yield piece
                    piece = []
        if piece:
            yield piece

    def told(self, line: int, problem: str) -> str:
        """Name a line of this file."""
        return f"{self.path}:{line}: {problem}"

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
        """Give each row with its line, or what is wrong with it."""
        try:
            read = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows}[self.path.suffix.lower()]
            yield from read(self.path)
        except KeyError:
            yield 0, "expected a file whose name ends in .csv, .jsonl or .ndjson"
        except OSError as error:
            yield 0, f"the file cannot be read ({error.strerror})"

    def _event(self, row: Mapping[str, Any]) -> Event:
        value, ts = row.get("value"), row.get("ts")
        return Event(
            row["event_id"],
            row["user_id"],
            row["item_id"],
            cast(EventType, row["type"]),
            None if value is None else float(value),
            self._now if ts is None else int(ts),
            row.get("recommendation_id"),
        )


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next(rows, [])
        if not set(header) <= set(COLUMNS) or not set(header) >= _REQUIRED or len(set(header)) != len(header):
            yield 1, f"expected the columns {', '.join(COLUMNS)}, of which the last three may be left out"
            return
        while True:
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield rows.line_num, f"it is not CSV ({error})"
                continue
            if len(cells) == len(header):
                yield rows.line_num, {name: cell for name, cell in zip(header, cells, strict=True) if cell != ""}
            elif cells:
                yield rows.line_num, f"expected {len(header)} cells; found {len(cells)}"


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                yield line, "it is not JSON"
                continue
            if isinstance(row, dict):
                yield line, {name: value for name, value in row.items() if value is not None}
            else:
                yield line, "expected an object"


def _problem(row: Mapping[str, Any]) -> str | None:
    """Say why a row is no event; the column comes first."""
    if strange := row.keys() - set(COLUMNS):
        return f"{min(strange)}: there is no such column"
    for name in ("event_id", "user_id", "item_id", "recommendation_id"):
        if (name in row or name in _REQUIRED) and (problem := _id_problem(row.get(name, ""))):
            return f"{name}: it {problem}"
    if not isinstance(row.get("type"), str) or row["type"] not in _TYPES:
        return f"type: expected one of {', '.join(sorted(_TYPES))}"
    if "value" in row and not _is_finite(row["value"]):
        return "value: expected a finite number"
    if row["type"] == "rating" and "value" not in row:
        return "value: a rating needs one"
    if "ts" in row and not _is_time(row["ts"]):
        return "ts: expected whole seconds since 1970"
    return None


def _id_problem(value: object) -> str | None:
    return id_problem(value) if isinstance(value, str) else "is no text"


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _is_time(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdecimal() and len(value) <= 12 and int(value) <= _LATEST
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LATEST
