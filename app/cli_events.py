"""The operator's command for many events at once."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.db.event_import import ImportedEvents
from app.db.event_import import import_events as store_events
from app.db.opened import opened
from app.event_file import MOST_TOLD, EventFile, InvalidEventFile
from app.settings import load_settings

_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)
_PIECE = 10_000


def import_events(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .jsonl or .ndjson file.")],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Store the other rows if some cannot be read.")] = False,
) -> None:
    """Store the events of a file; running it again changes nothing.

    The columns are those of POST /events: event_id, user_id, item_id, type, value, ts, recommendation_id. If a row
    cannot be read, it is named and nothing is stored (see --skip-bad). Events of unknown items are named and left out;
    the others are stored.
    """
    events = EventFile(file)
    began, n_bad = time.perf_counter(), 0
    try:
        total: int | None = events.check()
    except InvalidEventFile as error:
        _tell(error.problems, error.n_problems)
        if not skip_bad:
            _err.print("Nothing has been stored.")
            raise typer.Exit(2) from None
        total, n_bad = None, error.n_problems
    lines: list[int] = []
    done = asyncio.run(_store(events, total, lines))
    _tell([events.told(line, "no item has its item_id") for line in lines], done.n_rejected)
    seconds = time.perf_counter() - began
    _out.print(f"Stored: {done.accepted:,} events; {done.duplicates:,} were there; {seconds:.1f} seconds.")
    if done.n_rejected or n_bad:
        raise typer.Exit(1)


async def _store(events: EventFile, total: int | None, lines: list[int]) -> ImportedEvents:
    def reject(line: int) -> None:
        if len(lines) < MOST_TOLD:
            lines.append(line)

    columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with opened(load_settings()) as database:
        with Progress(*columns, console=_err) as progress:
            task = progress.add_task("events", total=total)
            return await store_events(database, events.pieces(_PIECE), reject, lambda n: progress.advance(task, n))


def _tell(problems: list[str], n_problems: int) -> None:
    for problem in problems:
        _err.print(problem, markup=False)
    if n_problems > len(problems):
        _err.print(f"… and {n_problems - len(problems):,} more.")
