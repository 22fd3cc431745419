"""`python -m training export`: a data set directory becomes files that other programs read."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.data.dataset import Dataset
from training.data.errors import BadOption, DatasetError
from training.data.exporting import EXPORTS
from training.data.files import replace_directory


def export(
    dataset: Annotated[Path, typer.Argument(help="A data set directory, as `convert` writes it.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where the files are written; nothing may be there.")],
    target_format: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(EXPORTS)}.")],
) -> None:
    """Write a data set as files of another format, and say what that format cannot hold."""
    errors, out = Console(stderr=True), Console()
    try:
        if target_format not in EXPORTS:
            raise BadOption("--format", f"{target_format!r} is unknown; choose one of {', '.join(EXPORTS)}")
        with replace_directory(target, overwrite=False, marker="") as aside:
            left_out = EXPORTS[target_format](Dataset.load(dataset), aside)
    except (DatasetError, OSError) as error:
        errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    for what in left_out:
        out.print(f"Not in these files: {what}.", markup=False, highlight=False, soft_wrap=True)
    out.print(f"Written to {target}", markup=False, highlight=False, soft_wrap=True)
