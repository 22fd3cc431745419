"""The command line, from the programs themselves."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from app.cli import cli as service
from documentation.markdown import code, table
from training.cli import app as offline

PROGRAMS = {"python -m training": offline, "python -m app": service}


def cli_page() -> str:
    """Write the page: each command with its arguments and options; the calls of the API in one table."""
    parts = [
        "# The command line\n\n"
        "Two programs: `python -m training` is the offline job, `python -m app` the service. `--help` after any "
        "command says the same. A mistake is told in one line, with exit code 2."
    ]
    for name, program in PROGRAMS.items():
        root: Any = typer.main.get_command(program)
        parts.append(f"## {code(name)}\n\n{_help(root)}")
        for path, command in commands(root, ()):
            parts.append(_calls(name, path, command) if path == ("call",) else _command(name, path, command))
    return "\n\n".join(parts) + "\n"


def commands(group: Any, before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (words, command) of every command; of `call`, which has one for each call of the API, the group alone."""
    for name, command in group.commands.items():
        if hasattr(command, "commands") and (*before, name) != ("call",):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name), command


def _help(command: Any) -> str:
    """Give the help text; its blocks of fixed lines (layouts of source files) stand in the page of formats."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(paragraph for paragraph in paragraphs if not paragraph.startswith("\b")).strip()


def _command(program: str, path: tuple[str, ...], command: Any) -> str:
    words = " ".join(path)
    arguments = [p for p in command.params if _is_argument(p)]
    usage = " ".join([program, words, *(_shown(p) for p in arguments), "[OPTIONS]"])
    rows = [[code(_spelt(p)), _facts(p), p.help or ""] for p in command.params if p.name != "help"]
    options = f"\n\n{table(['', '', ''], rows)}" if rows else ""
    return f"### {code(words)}\n\n```text\n{usage}\n```\n\n{_help(command)}{options}"


def _calls(program: str, path: tuple[str, ...], group: Any) -> str:
    rows = [[code(name), (command.help or "").split("\n")[0]] for name, command in group.commands.items()]
    return (
        f"### {code(' '.join(path))}\n\n{_help(group)} `{program} call COMMAND --help` shows the options of one.\n\n"
        f"{table(['command', 'what it does'], rows)}"
    )


def _is_argument(parameter: Any) -> bool:
    return type(parameter).__name__.endswith("Argument")


def _shown(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _spelt(parameter: Any) -> str:
    if _is_argument(parameter):
        return _shown(parameter)
    return " / ".join([*parameter.opts, *parameter.secondary_opts])


def _facts(parameter: Any) -> str:
    """Say whether it is needed, may be repeated, or what its default is."""
    if parameter.required:
        return "needed"
    repeated = "may be repeated" if getattr(parameter, "multiple", False) else ""
    default = parameter.default
    if default is None or default == "" or callable(default) or default is False:
        return repeated
    if default is True:
        return f"default {code(parameter.opts[0])}"
    return f"default {code(str(default))}"
