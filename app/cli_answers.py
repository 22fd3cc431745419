"""Answers of the server, as tables for people and as lines for programs."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 200


def console() -> Console:
    """Make a console for what stands now: as wide as the terminal or COLUMNS says, and wide in a pipe."""
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=PIPE_WIDTH if wide else None)


def lines_of(answer: Any) -> Iterator[str]:
    """Write an answer as text or JSON: entries that come one by one have a line each."""
    if isinstance(answer, str):
        yield answer.rstrip("\n")
    elif isinstance(answer, BaseModel):
        yield answer.model_dump_json(indent=2)
    else:
        for entry in answer:
            yield entry if isinstance(entry, str) else entry.model_dump_json()


def tables_of(answer: Any) -> Iterator[Table | str]:
    """Write an answer as a table of its fields, and one more for each of its lists."""
    if isinstance(answer, BaseModel):
        fields = dict(answer)
        lists = {name: value for name, value in fields.items() if _is_rows(value)}
        others = {name: value for name, value in fields.items() if name not in lists}
        if others and any(value is not None for value in others.values()):
            yield _fields(others)
        for name, rows in lists.items():
            yield _rows(rows, name)
    elif answer and isinstance(answer[0], str):
        yield "\n".join(answer).replace("[", r"\[")
    elif answer:
        yield _rows(answer)
    else:
        yield "There are none."


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], BaseModel)


def _fields(values: Mapping[str, Any]) -> Table:
    table = Table(show_header=False)
    for name, value in values.items():
        table.add_row(name, _cell(value))
    return table


def _rows(rows: Sequence[BaseModel], title: str | None = None) -> Table:
    """Leave out columns in which nothing stands."""
    names = [name for name in type(rows[0]).model_fields if any(getattr(row, name) is not None for row in rows)]
    # An id that is cut short is of no use to anyone.
    table = Table(title=title)
    for name in names:
        table.add_column(name, no_wrap=name.endswith("_id"), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(getattr(row, name)) for name in names))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Iterable) and not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return str(value).replace("[", r"\[")
