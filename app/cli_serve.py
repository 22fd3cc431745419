"""`python -m app serve`, apart from the other commands: what those import, a server would load and never use."""

import asyncio
import multiprocessing
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from app.db.keys import KeyRepository
from app.db.opened import opened
from app.errors import ServiceError, StorageUnavailable
from app.metrics import shared_figures
from app.services.access import is_loopback
from app.settings import Settings, SettingsError, load_settings
from app.vector_engine.engine import check_installed

MISTAKE = 2
_OPEN_TO_ALL = (
    "KTUP_HOST: no key has been made yet, and until then the server listens to this machine only: make one with "
    "`python -m app keys create NAME`, or set KTUP_ACCESS=open where the network lets in nobody else"
)


def serve() -> None:
    """Start the server with the settings of the environment. Several processes share what they have in common."""
    import uvicorn

    settings = load_settings()
    check_installed(settings)
    asyncio.run(_check_openness(settings))
    # uvicorn finishes what is in flight, then raises the signal again: an orderly end is exit code 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if settings.workers > 1:
        _start_from_what_is_loaded()
    with shared_figures(settings.workers):
        uvicorn.run(
            "app.main:serve_from_environment",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            loop="uvloop",
            http="app.bounded_http:BoundedHttp",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )


def main(command: Callable[[], object] = serve) -> None:
    """Serve, or run another command; a mistake is told in words."""
    try:
        command()
    except SettingsError as error:
        fail(error.problems)
    except ServiceError as error:
        fail([error.message])


def fail(lines: Sequence[str]) -> None:
    """Say in one line each what a person can do, and end."""
    from rich.console import Console

    for line in lines:
        Console(stderr=True).print(f"[bold red]error:[/] {escaped(line)}", soft_wrap=True, highlight=False)
    raise SystemExit(MISTAKE)


def escaped(text: str) -> str:
    """Write a text so that rich prints it as it is."""
    return text.replace("[", r"\[")


def _start_from_what_is_loaded() -> None:
    """Have uvicorn's processes made by one that has loaded the code, torch too, and has done nothing else.

    They begin at once, and share its pages as long as none writes to them. That process is spawned and has one thread,
    so nothing is copied in the middle of something, as it would be where the server itself forked.
    """
    from uvicorn import _subprocess

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app.preloaded"])
    _subprocess.spawn = context  # type: ignore[assignment]  # made for another way to start; used for `Process` alone


async def _check_openness(settings: Settings) -> None:
    """Refuse to listen to other machines while nobody needs a key; a database that is away is told later."""
    if settings.access != "auto" or is_loopback(settings.host):
        return
    with suppress(StorageUnavailable):
        async with opened(settings) as database:
            if not await KeyRepository(database).exist():
                raise SettingsError([_OPEN_TO_ALL])
