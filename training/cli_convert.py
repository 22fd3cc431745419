"""`python -m training convert`: sources of any known formats become one data set directory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from models.durable import takes_file
from training.cli_sources import check_heard, layout, named_sources, parse_columns
from training.data.dataset import BESIDE, MANIFEST
from training.data.errors import BadOption, DatasetError
from training.data.files import check_target
from training.data.importing import Named, Rules, import_sources
from training.data.readers import READERS
from training.data.readers.base import ReadOptions, TimeUnit, Zeros
from training.data.report import ImportReport
from training.data.splits import INTERACTION_SPLITS

_SPLITS = "; ".join(f"{name}: {split.note}" for name, split in INTERACTION_SPLITS.items())
_OF_ROWS, _OF_FILES = "What is left out, and splits", "How files are read"


def _help_format(name: str | None) -> None:
    if name is not None:
        with _told(Console(stderr=True)):
            Console().print(layout(name), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit


def convert(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... TARGET",
            help="Directories, files or quoted globs, each PATH or FORMAT=PATH; at last where the data set is written.",
        ),
    ],
    source_format: Annotated[
        str | None, typer.Option("--format", help=f"Of a single source; guessed if left out. {', '.join(READERS)}.")
    ] = None,
    help_format: Annotated[
        str | None,
        typer.Option(callback=_help_format, is_eager=True, help="Show the files of one format, or of `all`, and stop."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the data set. Default: the first source's own name.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Also write the report to this file, as JSON.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a data set that stands at the target.")] = False,
    positive_from: Annotated[
        float | None,
        typer.Option(
            help="Interactions with a smaller value are negative and left out. Default: every row is positive.",
            rich_help_panel=_OF_ROWS,
        ),
    ] = None,
    zeros: Annotated[
        Zeros | None,
        typer.Option(
            help="A value of 0 is kept as a value, dropped, or implicit: a row without a value. "
            "Default: as the format means it, keep where it says nothing.",
            rich_help_panel=_OF_ROWS,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help=f"{_SPLITS}. Default: as given, else per-user-random.", rich_help_panel=_OF_ROWS),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of splits by chance.", rich_help_panel=_OF_ROWS)] = 0,
    min_user_interactions: Annotated[
        int, typer.Option(min=0, help="Leave out users with fewer, again and again.", rich_help_panel=_OF_ROWS)
    ] = 0,
    min_item_interactions: Annotated[
        int, typer.Option(min=0, help="Leave out items with fewer, again and again.", rich_help_panel=_OF_ROWS)
    ] = 0,
    min_entity_triples: Annotated[
        int,
        typer.Option(
            min=0, help="Leave out entities with fewer; those that stand for items stay.", rich_help_panel=_OF_ROWS
        ),
    ] = 0,
    min_relation_triples: Annotated[
        int, typer.Option(min=0, help="Leave out relations with fewer.", rich_help_panel=_OF_ROWS)
    ] = 0,
    min_aligned_share: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Stop where fewer of the items stand for an entity.", rich_help_panel=_OF_ROWS
        ),
    ] = 0.0,
    max_bad_share: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of malformed rows in a file that is dropped without stopping.",
            rich_help_panel=_OF_ROWS,
        ),
    ] = 0.01,
    encoding: Annotated[
        str | None, typer.Option(help="Tried on files that are not UTF-8, e.g. latin-1.", rich_help_panel=_OF_FILES)
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help="OURS=THEIRS, such as user_id=reader; may be repeated.", rich_help_panel=_OF_FILES
        ),
    ] = None,
    separator: Annotated[
        str | None, typer.Option(help="Of cells, in formats that do not fix it.", rich_help_panel=_OF_FILES)
    ] = None,
    quote: Annotated[str | None, typer.Option(help="The quote character, likewise.", rich_help_panel=_OF_FILES)] = None,
    quoting: Annotated[
        Literal["none", "rfc4180", "backslash"] | None,
        typer.Option(help="What quotes do, likewise.", rich_help_panel=_OF_FILES),
    ] = None,
    header: Annotated[
        bool | None, typer.Option(help="Whether the first line names the columns, likewise.", rich_help_panel=_OF_FILES)
    ] = None,
    time_unit: Annotated[
        TimeUnit | None,
        typer.Option(
            help="Of timestamps. Default: seconds since 1970, or ISO 8601 where a cell is no number.",
            rich_help_panel=_OF_FILES,
        ),
    ] = None,
    item_prefix: Annotated[
        str | None,
        typer.Option(help="What stands before item ids in files of links, such as movie_.", rich_help_panel=_OF_FILES),
    ] = None,
    keep_literals: Annotated[
        list[str] | None,
        typer.Option(
            "--keep-literals",
            help="A predicate whose literals become entities; may be repeated.",
            rich_help_panel=_OF_FILES,
        ),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of labels. Default: en.", rich_help_panel=_OF_FILES)] = None,
) -> None:
    """Convert source files into a data set, and report every row that was left out.

    Several sources are merged, such as `movielens-1m=ml-1m kb4rec=ml2fb.txt ntriples=freebase.nt.gz my-dataset`. A
    format that is not named is guessed from the files.
    """
    errors = Console(stderr=True)
    options = ReadOptions(
        encoding=encoding,
        separator=separator,
        quote=quote,
        quoting=quoting,
        header=header,
        time_unit=time_unit,
        item_prefix=item_prefix,
        keep_literals=frozenset(keep_literals or ()),
        language=language,
    )
    rules = Rules(
        seed=seed,
        max_bad_share=max_bad_share,
        positive_from=positive_from,
        zeros=zeros,
        split=split,
        min_user_interactions=min_user_interactions,
        min_item_interactions=min_item_interactions,
        min_entity_triples=min_entity_triples,
        min_relation_triples=min_relation_triples,
        min_aligned_share=min_aligned_share,
    )
    with _told(errors):
        arguments, target = _apart(paths)
        _check_rules(rules)
        check_target(target, overwrite=overwrite, marker=MANIFEST, others=BESIDE)
        check_report(report)
        options = replace(options, columns=parse_columns(columns or []))
        sources = named_sources(arguments, source_format, errors, options.columns)
        check_heard(sources, said(options))
        with _progress(sources, options, errors) as shown:
            dataset = import_sources(sources, name=name or sources[0].source.name, rules=rules, options=shown)
            shown.progress("writing")
            dataset.save(target, overwrite=overwrite)
        if report is not None and dataset.manifest.report is not None:
            report.write_text(dataset.manifest.report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    _show(dataset.manifest.report, target)


@contextmanager
def _told(errors: Console) -> Iterator[None]:
    """Tell a mistake in one line and stop with exit code 2."""
    try:
        yield
    except (DatasetError, OSError) as error:
        place = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        errors.print(f"error: {place}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None


def _apart(paths: list[str]) -> tuple[list[str], Path]:
    if len(paths) < 2:
        raise BadOption("SOURCE... TARGET", "name one source at least, and then the target")
    return paths[:-1], Path(paths[-1])


def check_report(report: Path | None) -> None:
    """Refuse a place where no report can be written, before anything is read.

    Raises:
        BadOption: it is a directory, or in none that takes a file.
    """
    if report is not None and not takes_file(report):
        raise BadOption("--report", f"{report} is no place for a file; name one in a directory that may be written to")


def said(options: ReadOptions) -> Mapping[str, bool]:
    """Tell which options of reading a person gave that not every format hears."""
    return {
        "--column": bool(options.columns),
        "--separator": options.separator is not None,
        "--quote": options.quote is not None,
        "--quoting": options.quoting is not None,
        "--header": options.header is not None,
        "--item-prefix": options.item_prefix is not None,
        "--keep-literals": bool(options.keep_literals),
        "--language": options.language is not None,
    }


def _check_rules(rules: Rules) -> None:
    if rules.split is not None and rules.split not in INTERACTION_SPLITS:
        raise BadOption("--split", f"{rules.split!r} is unknown; choose one of {', '.join(INTERACTION_SPLITS)}")


@contextmanager
def _progress(sources: list[Named], options: ReadOptions, console: Console) -> Iterator[ReadOptions]:
    """Show what is being done, and how many bytes were read of all that the sources hold."""
    sizes = sum(path.stat().st_size for named in sources for path in named.source.files())
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("starting", total=sizes)

        def tell(message: str) -> None:
            progress.update(task, description=message)

        def count(n_bytes: int) -> None:
            progress.advance(task, n_bytes)

        yield replace(options, progress=tell, count_bytes=count)


def _show(report: ImportReport | None, target: Path) -> None:
    output = Console()
    if report is not None:
        report.render(output)
    output.print(f"Written to {target}", markup=False, highlight=False, soft_wrap=True)
