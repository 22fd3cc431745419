"""The operator's commands for a vector engine: releases brought into it, listed, taken out."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from app.cli_answers import console
from app.db.opened import opened
from app.db.releases import ReleaseRepository
from app.errors import VectorEngineUnavailable
from app.settings import Settings, SettingsError, load_settings
from app.vector_engine.engine import EngineAway, VectorEngine

if TYPE_CHECKING:
    from app.vector_engine.engine import Loaded

vectors = typer.Typer(
    no_args_is_help=True, help="Items of releases in the vector engine that KTUP_VECTOR_ENGINE names."
)


@vectors.command()
def load(
    release_id: Annotated[str, typer.Argument(metavar="RELEASE", help="The id of a release.")],
    shards: Annotated[int, typer.Option(min=1, max=64, help="Parts that its items are dealt to.")] = 1,
    only: Annotated[
        bool, typer.Option("--only", help="Take the items of other releases out afterwards, but for the active one.")
    ] = False,
) -> None:
    """Bring the items of a release into the engine, and measure what it finds there. Ended, it goes on when run again.

    Servers use them once they are whole: load a release before it is activated.
    """
    from app.inference import FileReleaseStore
    from app.vector_engine.configured import name_of
    from app.vector_engine.loading import load as bring

    settings = load_settings()
    release = FileReleaseStore(settings.releases_dir, settings.user_vectors).opened(release_id)
    with _engine(settings, shards) as engine:
        columns = (TextColumn("{task.description:>24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            tasks: dict[str, TaskID] = {}

            def show(stage: str, done: int, of: int) -> None:
                if stage not in tasks:
                    tasks[stage] = progress.add_task(stage, total=of)
                progress.update(tasks[stage], completed=done, total=of)

            try:
                loaded = bring(release, name_of(release_id), engine, show)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
        _tell(loaded)
        if only:
            active = asyncio.run(_active(settings))
            kept = {loaded.release} | ({name_of(active)} if active else set())
            for other in engine.all_loaded():
                if other.release not in kept:
                    engine.remove(other)
                    typer.echo(f"{other.release} is taken out.")


@vectors.command(name="list")
def list_loaded() -> None:
    """List the releases that the engine holds."""
    table = Table(Column("release", no_wrap=True), "items", "named in a search", "recall@10", "collection")
    with _engine(load_settings()) as engine:
        for held in sorted(engine.all_loaded(), key=lambda held: held.release):
            cells = (f"{held.items:,}", f"{held.nominate:,}", f"{held.recall:.3f}", held.collection)
            table.add_row(held.release.replace("[", r"\["), *cells)
    console().print(table)


@vectors.command()
def remove(release_id: Annotated[str, typer.Argument(metavar="RELEASE", help="As `vectors list` shows it.")]) -> None:
    """Take the items of a release out of the engine; servers go on by the index in the release."""
    with _engine(load_settings()) as engine:
        held = engine.loaded(release_id)
        if held is None:
            raise typer.BadParameter(f"the engine does not hold {release_id!r}; `vectors list` shows what it holds")
        engine.remove(held)
    typer.echo(f"{release_id} is taken out.")


def _tell(loaded: "Loaded") -> None:
    typer.echo(
        f"{loaded.release}: {loaded.items:,} items in {loaded.collection}; a search names {loaded.nominate:,} of them, "
        f"recall@10 {loaded.recall:.3f}."
    )


@contextmanager
def _engine(settings: Settings, shards: int = 1) -> Iterator[VectorEngine]:
    """Give the engine of the settings; that it is away is told in one line."""
    from app.vector_engine.configured import engine_of

    choice = engine_of(settings, shards)
    if choice is None:
        raise SettingsError(
            ["KTUP_VECTOR_ENGINE: expected a Milvus server, http://HOST:19530, or a path that ends in .db"]
        )
    try:
        yield choice.engine
    except EngineAway as error:
        raise VectorEngineUnavailable(str(error)) from error


async def _active(settings: Settings) -> str | None:
    async with opened(settings) as database:
        return await ReleaseRepository(database).active()
