"""Every call of a running server as a command: made from the methods of the client, so that none is forgotten."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from pydantic import TypeAdapter, ValidationError

from app.cli_answers import console, lines_of, tables_of
from app.cli_call_help import described
from app.client import Client
from app.client.every_call import EveryCall
from app.client.methods import Lines, Method, Paged

calls = typer.Typer(no_args_is_help=True)
_SHOWN = 1_000  # entries of a table; --json has no end


@dataclass(frozen=True)
class Server:
    """Which server is called, and how its answers are shown."""

    url: str
    key: str | None
    timeout: float
    json: bool


@calls.callback()
def call(
    context: typer.Context,
    url: Annotated[str, typer.Option(envvar="KTUP_URL", help="Where the server is.")] = "http://127.0.0.1:8000",
    key: Annotated[
        str | None, typer.Option(envvar="KTUP_KEY", help="The key; others see options, so set this.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each piece of an answer.")] = 60.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print answers as JSON, and entries of pages one a line.")
    ] = False,
) -> None:
    """Call a running server: its lists, people, knowledge graph, releases, training jobs and figures."""
    context.obj = Server(url, key, timeout, json)


def _command(name: str, make: Callable[..., Any], help_text: str) -> Callable[..., None]:
    """Make a command of a method: its parameters are those of the command."""
    hints = get_type_hints(make)

    def run(context: typer.Context, **values: Any) -> None:
        server: Server = context.obj
        given = {part: _value(part, hints[part], value) for part, value in values.items()}
        with Client(server.url, server.key, timeout=server.timeout) as client:
            try:
                _show(getattr(client, name)(**given), server.json)
            except ValueError as error:  # an id that no path can hold
                raise typer.BadParameter(str(error)) from None

    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
    parameters += [_parameter(each, hints[each.name]) for each in inspect.signature(make).parameters.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__doc__ = help_text
    return run


def _parameter(given: inspect.Parameter, hint: Any) -> inspect.Parameter:
    """What must be given is an argument, in its order; all else is an option."""
    help_text = "JSON." if _is_json(hint) else None
    kind: Any = str if _is_json(hint) else list[str] if _is_texts(hint) else hint
    place = inspect.Parameter.POSITIONAL_OR_KEYWORD
    if given.default is inspect.Parameter.empty:
        return inspect.Parameter(given.name, place, annotation=Annotated[kind, typer.Argument(help=help_text)])
    default: Any = [] if _is_texts(hint) else None
    kind = kind | None if _is_json(hint) else kind
    return inspect.Parameter(
        given.name, place, default=default, annotation=Annotated[kind, typer.Option(help=help_text)]
    )


def _is_texts(hint: Any) -> bool:
    return get_origin(hint) is Sequence and get_args(hint) == (str,)


def _is_json(hint: Any) -> bool:
    """Tell whether a value has parts that no option can hold."""
    parts = [get_origin(part) for part in (hint, *get_args(hint))]
    return Mapping in parts or (Sequence in parts and not _is_texts(hint))


def _value(name: str, hint: Any, value: Any) -> Any:
    if value is None or not _is_json(hint):
        return value
    try:
        return TypeAdapter(hint).validate_json(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise typer.BadParameter(f"{place}: {first['msg']}" if place else first["msg"], param_hint=name) from None


def _show(answer: Any, as_json: bool) -> None:
    entries = not isinstance(answer, str) and hasattr(answer, "__next__")
    if as_json or isinstance(answer, str):
        for line in lines_of(answer):
            typer.echo(line)
        return
    out = console()
    for table in tables_of(list(islice(answer, _SHOWN)) if entries else answer):
        out.print(table)
    if entries and next(answer, None) is not None:
        out.print(f"… and more: only {_SHOWN:,} are shown; --json gives all.")


for _name, _method in vars(EveryCall).items():
    if isinstance(_method, Method | Paged | Lines):
        _help = inspect.getdoc(_method.make) or ""
        if isinstance(_method, Paged):
            _help = f"Go through all pages. {_help}"
        _of_name = calls.command(name=_name.replace("_", "-"), cls=described(_method.make))
        _of_name(_command(_name, _method.make, _help))
