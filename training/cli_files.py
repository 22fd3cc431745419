"""The commands that touch files alone: they load no torch, so they start at once and leave the memory to the data."""

from collections.abc import Callable, Mapping

import typer

from training.cli_convert import convert
from training.cli_export import export

COMMANDS: Mapping[str, Callable[..., None]] = {"convert": convert, "export": export}

app = typer.Typer(pretty_exceptions_enable=False)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


@app.callback()
def main() -> None:
    """Raw files → data set → raw files."""
