"""`python -m training convert`: a source of any known format becomes a data set directory."""

from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer
from rich.console import Console

from training.data.dataset import MANIFEST
from training.data.errors import BadOption, DatasetError
from training.data.files import check_target
from training.data.importing import import_dataset
from training.data.readers import READERS
from training.data.readers.base import Reader, ReadOptions
from training.data.report import ImportReport

_LAYOUTS = "\n\n".join(f"\b\n{name}:\n{indent(reader.layout, '  ')}" for name, reader in READERS.items())


def convert(
    source: Annotated[Path, typer.Argument(help="The directory with the source files.")],
    target: Annotated[Path, typer.Argument(help="Where the data set directory is written.")],
    source_format: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(READERS)}.")],
    name: Annotated[str | None, typer.Option(help="Name of the data set; the source's own name if left out.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="For the splits that the source does not give.")] = 0,
    encoding: Annotated[str | None, typer.Option(help="Tried on files that are not UTF-8, e.g. latin-1.")] = None,
    max_bad_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of malformed rows in a file that is dropped without stopping."),
    ] = 0.01,
    overwrite: Annotated[bool, typer.Option(help="Replace a data set that stands at the target.")] = False,
) -> None:
    """Convert source files into a data set, and report every row that was left out."""
    errors = Console(stderr=True)
    try:
        with errors.status("starting") as status:
            check_target(target, overwrite=overwrite, marker=MANIFEST)
            options = ReadOptions(encoding, progress=status.update)
            dataset = import_dataset(
                _reader(source_format),
                source,
                name=name or source.resolve().name,
                seed=seed,
                max_bad_share=max_bad_share,
                options=options,
            )
            status.update("writing")
            dataset.save(target, overwrite=overwrite)
    except (DatasetError, OSError) as error:
        errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    _show(dataset.manifest.report, target)


convert.__doc__ = f"{convert.__doc__}\n\n{_LAYOUTS}"


def _reader(source_format: str) -> Reader:
    if source_format not in READERS:
        raise BadOption("--format", f"{source_format!r} is unknown; choose one of {', '.join(READERS)}")
    return READERS[source_format]


def _show(report: ImportReport | None, target: Path) -> None:
    output = Console()
    if report is not None:
        report.render(output)
    output.print(f"Written to {target}", markup=False, highlight=False, soft_wrap=True)
