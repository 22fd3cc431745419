"""`python -m training audit`: whether the reasons of a release are true."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from models.release_audit import AUDIT
from training.audit.people import read_planted
from training.audit.run import Step, audit, check_free, write_audit
from training.cli_shared import DataOption, ThreadsOption, errors, say, set_threads, told_plainly
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset


def audit_command(
    data: DataOption,
    release: Annotated[Path, typer.Option(help="A release directory, as `release` makes it.")],
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of a user and a listed item, for each seed.")] = 200,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="May be repeated. Default: 0, 1 and 2.")
    ] = None,
    planted: Annotated[
        Path | None, typer.Option(help="A CSV file of user_id and relation_id: what was planted in simulated people.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Another folder than RELEASE/audit; it must not exist.")] = None,
    plots: Annotated[bool, typer.Option(help="Draw the plots of the page; they need matplotlib.")] = True,
    threads: ThreadsOption = None,
) -> None:
    """Try the reasons of a release on sampled pairs; the report joins the release, and GET /evaluation shows it."""
    with told_plainly():
        set_threads(threads)
        check_free(out or release / AUDIT)
        truth = None if planted is None else read_planted(planted)
        dataset = IndexedDataset.of(Dataset.load(data))
        with _progress() as step:
            figures = audit(release, dataset, pairs, tuple(dict.fromkeys(seeds or (0, 1, 2))), truth, step)
        folder = write_audit(figures, release, out, plots)
    say(f"Written to {folder}")


@contextmanager
def _progress() -> Iterator[Step]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=errors, transient=True) as progress:
        tasks: dict[int, TaskID] = {}

        def step(seed: int, done: int, of: int) -> None:
            if seed not in tasks:
                tasks[seed] = progress.add_task(f"seed {seed}", total=of)
            progress.update(tasks[seed], completed=done, total=of)

        yield step
