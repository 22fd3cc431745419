"""The operator's commands for lists that are made ahead."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.db.opened import opened
from app.db.releases import ReleaseRepository
from app.db.user_ids import UserIds
from app.errors import NoActiveRelease, UnknownRelease
from app.lists.folder import ListsError, ListsFolder, Manifest, Question
from app.ports import ReleaseInfo
from app.settings import Settings, SettingsError, load_settings
from app.tenancy import current_tenant

if TYPE_CHECKING:
    from app.lists.loading import Loaded

_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def score_users(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the lists go; a run that broke off goes on.")],
    release: Annotated[str | None, typer.Option(help="The id of a release. Default: the active one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Items of each list.")] = 10,
    explain: Annotated[Literal["none", "summary"], typer.Option(help="Whether items have reasons.")] = "summary",
    lang: Annotated[Literal["de", "en"] | None, typer.Option(help="Language of the reasons. Default: English.")] = None,
    fallback: Annotated[
        Literal["none", "popular"], typer.Option(help="As in the call that the answers are for.")
    ] = "none",
    answers: Annotated[bool, typer.Option(help="Keep whole answers, too, for `load-lists`.")] = True,
    chunk_users: Annotated[int, typer.Option(min=1, max=1_000_000, help="Users of a chunk.")] = 10_000,
    workers: Annotated[
        int, typer.Option(min=0, max=10_000, help="Processes of Ray Data (group `cluster`); 0: this one alone.")
    ] = 0,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster whose machines share code, folder, releases and database.")
    ] = None,
) -> None:
    """Score every stored user: the lists of GET /users/{user_id}/recommendations, as Parquet files.

    Chunks that are there already stay. The folder holds lists of one release and one question.
    """
    if address is not None and not workers:
        raise typer.BadParameter("--address needs --workers: how many processes of the cluster score")
    settings, target = load_settings(), ListsFolder(folder.absolute())
    if workers:
        _engine().check_installed()
    if address is not None:
        _engine().check_reachable(address)
    began = time.perf_counter()
    with target.locked():
        wanted = asyncio.run(_wanted(settings, release, Question(limit, explain, lang, fallback), answers, chunk_users))
        manifest = target.begin(wanted)
        chunks = target.missing(manifest)
        there = manifest.n_chunks - len(chunks)
        made = _made(target, chunks, workers, address) if chunks else iter(())
        users = _followed(made, there, manifest.n_chunks)
    seconds = time.perf_counter() - began
    kept = f", {there:,} were there" if there else ""
    _out.print(f"{manifest.release}: {users:,} users scored in {seconds:.1f} seconds; {len(chunks):,} chunks{kept}.")


def load_lists(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `score-users` made.")],
) -> None:
    """Load answers that were made ahead into Redis, where the service finds them as its own.

    Left out are those that something happened to since: an event, an edit, another release. They live as long as
    computed ones: KTUP_CACHE_TTL_SECONDS after they were made.
    """
    settings, source = load_settings(), ListsFolder(folder)
    if settings.redis_url is None:
        raise SettingsError(["KTUP_REDIS_URL: not set; lists are loaded into Redis"])
    began, manifest = time.perf_counter(), source.manifest()
    missing = set(source.missing(manifest))
    chunks = [number for number in range(manifest.n_chunks) if number not in missing]
    loaded = asyncio.run(_loaded(settings, settings.redis_url.get_secret_value(), source, chunks))
    _out.print(
        f"{manifest.release}: {loaded.stored:,} answers loaded in {time.perf_counter() - began:.1f} seconds; "
        f"{loaded.there:,} were there, {loaded.outdated:,} outdated, {loaded.too_old:,} too old."
    )
    if loaded.too_old:
        _err.print(f"KTUP_CACHE_TTL_SECONDS is {settings.cache_ttl_seconds}: older answers are not served.")
    if missing:
        _err.print(f"{len(missing):,} of {manifest.n_chunks:,} chunks are missing: run score-users again.")


async def _loaded(settings: Settings, url: str, folder: ListsFolder, chunks: Sequence[int]) -> "Loaded":
    from app.bulk_cache import BulkCache, BulkFailed
    from app.lists.loading import ListLoader, Loaded

    total, cache = Loaded(), BulkCache(url)
    async with opened(settings) as database:
        loader = ListLoader(database, cache, folder, settings)
        try:
            await loader.check()
            with Progress(*_COLUMNS, console=_err) as progress:
                for chunk in progress.track(chunks, description="chunks"):
                    total += await loader.load(chunk)
        except BulkFailed as error:
            raise ListsError(f"{error}; {total.stored:,} answers were loaded before") from error
        finally:
            loader.close()
            await cache.close()
    return total


def _made(folder: ListsFolder, chunks: Sequence[int], workers: int, address: str | None) -> Iterator[int]:
    engine = _engine()
    made: Iterator[int] = (
        engine.on_ray(folder, chunks, workers, address) if workers else engine.in_this_process(folder, chunks)
    )
    return made


def _engine() -> Any:
    """Give the code that scores. Imported here: the other commands need no services."""
    from app.lists import engine

    return engine


def _followed(made: Iterator[int], there: int, n_chunks: int) -> int:
    """Show how far it is while chunks are made, each with its users; gives the users who were scored."""
    with Progress(*_COLUMNS, TimeRemainingColumn(), console=_err) as progress:
        task, users = progress.add_task("chunks", total=n_chunks, completed=there), 0
        began = time.perf_counter()
        for more in made:
            users += more
            rate = users / (time.perf_counter() - began)
            progress.update(task, advance=1, description=f"chunks ({rate:,.0f} users/s)")
    return users


async def _wanted(
    settings: Settings, release: str | None, question: Question, answers: bool, chunk_users: int
) -> Manifest:
    async with opened(settings) as database:
        chosen = release or await ReleaseRepository(database).active()
        if chosen is None:
            raise NoActiveRelease("No release is active: activate one, or name one by --release.")
        info = _info(settings, chosen)
        bounds = await UserIds(database).bounds(chunk_users)
    created = info.created_at
    return Manifest(chosen, created, question, answers, chunk_users, current_tenant(), tuple(bounds))


def _info(settings: Settings, release_id: str) -> ReleaseInfo:
    """Read what a release says of itself. Imported here: the other commands need no torch."""
    from app.inference import FileReleaseStore

    for info in FileReleaseStore(settings.releases_dir).list():
        if info.release_id == release_id:
            return info
    raise UnknownRelease(release_id)
