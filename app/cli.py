"""The operator's commands. Mistakes are told in one line, with exit code 2; no traceback."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from app import cli_serve
from app import demo as demonstration
from app.cli_call import calls
from app.cli_events import import_events
from app.cli_keys import keys
from app.cli_lists import load_lists, score_users
from app.cli_review import candidates, decide, export_dataset
from app.cli_serve import escaped, fail, serve
from app.cli_vectors import vectors
from app.client import ClientError
from app.dataset import SPLITS, DatasetReader, InvalidDataset
from app.db.bulk import DatasetImport, ImportCounts
from app.db.opened import opened, wait_until_reachable
from app.db.releases import ReleaseRepository
from app.db.schema import migrate as run_migrations
from app.db.serving import ServingRepository
from app.errors import NoFormerRelease, ReleaseRefused
from app.lazy_releases import LazyReleaseStore
from app.lists.folder import ListsError
from app.logs import configure_logging
from app.ports import ReleaseInfo, ReleaseStore
from app.settings import Settings, load_settings
from app.worker.loop import Worker

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__)
cli.add_typer(keys, name="keys")
cli.add_typer(calls, name="call")
cli.add_typer(vectors, name="vectors")
cli.command(name="import-events")(import_events)
cli.command()(candidates)
cli.command()(decide)
cli.command()(serve)
cli.command(name="score-users")(score_users)
cli.command(name="load-lists")(load_lists)
cli.command(name="export-dataset")(export_dataset)
_out = Console()
_err = Console(stderr=True)

T = TypeVar("T")


@cli.command()
def migrate() -> None:
    """Bring the database to the newest schema. Safe to run twice, also at the same time; waits for its start."""
    settings = load_settings()
    configure_logging(settings.log_level)
    asyncio.run(wait_until_reachable(settings))
    run_migrations(_database_url(settings))
    _out.print("The database has the newest schema.")


@cli.command(name="import")
def import_dataset(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A data set directory.")],
    splits: Annotated[str, typer.Option(help="Splits of interactions and facts to store, comma separated.")] = ",".join(
        SPLITS
    ),
) -> None:
    """Store a data set: users, items, their histories and the knowledge graph. Running it again changes nothing."""
    chosen = [split.strip() for split in splits.split(",")]
    unknown = [split for split in chosen if split not in SPLITS]
    if unknown:
        raise typer.BadParameter(f"no such split: {unknown[0]!r}; expected some of {', '.join(SPLITS)}")
    counts = asyncio.run(_import(load_settings(), DatasetReader(dataset, chosen)))
    _out.print("Stored: " + ", ".join(f"{n:,} {table}" for table, n in counts.read.items()) + ".")
    _out.print(f"{counts.changed_users:,} histories changed.")


@cli.command()
def activate(release_id: Annotated[str, typer.Argument(metavar="RELEASE", help="The id of a release.")]) -> None:
    """Check a release by loading it, then make it the active one; running processes follow within seconds."""
    settings = load_settings()
    _releases(settings).load(release_id)
    asyncio.run(_activate(settings, release_id))
    _out.print(f"{release_id} is active.")


@cli.command()
def releases() -> None:
    """List the releases on disk, newest first."""
    settings = load_settings()
    infos = _releases(settings).list()
    active = asyncio.run(_active(settings))
    _out.print(_release_table(infos, active))


@cli.command(name="check-release")
def check_release(release_id: Annotated[str, typer.Argument(metavar="RELEASE", help="The id of a release.")]) -> None:
    """Read a release whole and hold every file against its hash: for after a copy of one whose users are looked up.

    A start reads all files anyway, but those that grow with such users.
    """
    from app.inference import FileReleaseStore

    store = FileReleaseStore(load_settings().releases_dir)
    with Progress(TextColumn("reading"), BarColumn(), DownloadColumn(), TimeElapsedColumn(), console=_err) as progress:
        task = progress.add_task("reading", total=None)
        store.check(release_id, lambda done, of: progress.update(task, completed=done, total=of))
    _out.print(f"{release_id} is whole.")


@cli.command()
def rollback() -> None:
    """Go back to the release that was active before, once it is checked; running processes follow within seconds."""
    settings = load_settings()
    former = asyncio.run(_serving(settings, lambda rows: rows.former()))
    if former is None:
        raise NoFormerRelease
    _releases(settings).load(former)
    if not asyncio.run(_serving(settings, lambda rows: rows.roll_back(former))):
        raise ReleaseRefused(former, "another release was activated meanwhile; look, and try again")
    _out.print(f"{former} is active again.")


@cli.command()
def worker() -> None:
    """Run training jobs, one at a time, until SIGTERM or Ctrl-C; a job that runs then is given back to others."""
    settings = load_settings()
    configure_logging(settings.log_level)
    asyncio.run(_work(settings))


@cli.command()
def demo(
    prepare_only: Annotated[bool, typer.Option("--prepare-only", help="Stop before the server starts.")] = False,
) -> None:
    """Go the whole way on the sample data: train, release, store, serve, and print one explained recommendation.

    Training is left out where a release is active already. What is held out for the test is not stored.
    """
    demonstration.use_own_home()
    settings = load_settings()
    run_migrations(_database_url(settings))
    if asyncio.run(_active(settings)) is None:
        work = settings.releases_dir.parent
        dataset, release_id = demonstration.build_release(work, settings.releases_dir, _out)
        _out.print("[bold]4/4[/] Storing the data set and activating the release")
        asyncio.run(_import(settings, DatasetReader(dataset, ["train", "valid"])))
        activate(release_id)
    if not prepare_only:
        dataset = settings.releases_dir.parent / "datasets" / demonstration.NAME
        raise typer.Exit(demonstration.serve_and_show(dataset, settings.host, settings.port, _out))


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from app.routers.api import create_api

    sys.stdout.write(json.dumps(create_api().openapi(), indent=2) + "\n")


def main() -> None:
    """Run a command; say in one line what a person can do about what went wrong."""
    try:
        cli_serve.main(cli)
    except (ClientError, InvalidDataset, ListsError, demonstration.DemoFailed) as error:
        fail([str(error)])


def _database_url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def _releases(settings: Settings) -> ReleaseStore:
    """Read releases from disk. Imported here: the other commands need no torch."""
    from app.inference import FileReleaseStore

    return FileReleaseStore(settings.releases_dir, settings.user_vectors)


async def _import(settings: Settings, reader: DatasetReader) -> ImportCounts:
    columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with opened(settings) as database:
        with Progress(*columns, console=_err) as progress:
            tables = ("users", "entities", "relations", "items", "links", "triples", "rejected", "interactions")
            tasks = {table: progress.add_task(table, total=reader.count(table)) for table in tables}
            return await DatasetImport(database, reader, lambda table, n: progress.advance(tasks[table], n)).run()


async def _activate(settings: Settings, release_id: str) -> None:
    async with opened(settings) as database:
        await ReleaseRepository(database).activate(release_id)


async def _serving(settings: Settings, ask: Callable[[ServingRepository], Awaitable[T]]) -> T:
    async with opened(settings) as database:
        return await ask(ServingRepository(database))


async def _work(settings: Settings) -> None:
    async with opened(settings, 2, settings.start_wait_seconds) as database:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await Worker(settings, database, LazyReleaseStore(settings.releases_dir, settings.user_vectors)).work_on(stop)


async def _active(settings: Settings) -> str | None:
    async with opened(settings) as database:
        return await ReleaseRepository(database).active()


def _release_table(infos: Sequence[ReleaseInfo], active: str | None) -> Table:
    table = Table("", Column("release", no_wrap=True), "created", "model", "data set", "problem")
    for info in infos:
        mark = "*" if info.release_id == active else ""
        cells = (mark, info.release_id, info.created_at, info.model, info.dataset, info.problem or "")
        table.add_row(*map(escaped, cells))
    return table
