"""The operator's commands for keys."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from app.access import SCOPES
from app.cli_answers import console
from app.db.keys import KeyRepository
from app.db.opened import opened
from app.services.access import new_key
from app.settings import RATE_LIMIT, load_settings

keys = typer.Typer(no_args_is_help=True, help="Keys for callers: made, listed, revoked.")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what will use the key.")],
    scopes: Annotated[str, typer.Option(help="What it may do: some of read, write, admin, comma separated.")] = "read",
    tenant: Annotated[str, typer.Option(help="Whose data it opens.")] = "default",
    new_tenant: Annotated[bool, typer.Option("--new-tenant", help="Make the tenant, if there is none.")] = False,
    rate_limit: Annotated[str | None, typer.Option(help="Its own limit, such as 20/second.")] = None,
) -> None:
    """Make a key and print it: once, as only a hash of it is kept."""
    chosen = {scope.strip() for scope in scopes.split(",")}
    if not chosen or not chosen <= SCOPES:
        raise typer.BadParameter(f"expected some of {', '.join(sorted(SCOPES))}; found {scopes!r}")
    if rate_limit is not None and not RATE_LIMIT.fullmatch(rate_limit):
        raise typer.BadParameter(f"expected a number, a slash, and second, minute, hour or day; found {rate_limit!r}")
    key, text = new_key(tenant, name, [scope for scope in SCOPES if scope in chosen], rate_limit)
    _run(lambda store: store.create(key, new_tenant))
    # Alone on standard output, so that a script can take it.
    typer.echo(text)


@keys.command(name="list")
def list_keys() -> None:
    """List all keys, the newest first."""
    table = Table(Column("id", no_wrap=True), "name", "tenant", "scopes", "limit", "created", "revoked")
    for key in _run(lambda store: store.list()):
        revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        scopes, created = " ".join(sorted(key.scopes)), f"{key.created_at:%Y-%m-%d %H:%M}"
        cells = (key.key_id, key.name, key.tenant, scopes, key.rate_limit or "", created, revoked)
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    console().print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]) -> None:
    """Revoke a key; running servers refuse it within three seconds."""
    if not _run(lambda store: store.revoke(key_id)):
        raise typer.BadParameter(f"no valid key has the id {key_id!r}")
    typer.echo(f"{key_id} is revoked.")


def _run(call: Any) -> Any:
    async def work() -> Any:
        async with opened(load_settings()) as database:
            result: Coroutine[Any, Any, Any] = call(KeyRepository(database))
            return await result

    return asyncio.run(work())
