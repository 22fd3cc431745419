"""The offline job from the command line: convert, train, evaluate, release; suite, report.

Every error that a person can cause ends with one clear message and exit code 2, never a traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
import typer

from models.checkpoint import read_manifest
from models.registry import REGISTRY
from models.release_users import UserVectors
from models.retrieval.stored import Kind
from training import cli_files
from training.cli_audit import audit_command
from training.cli_evaluate import evaluate_command
from training.cli_report import ReportOption, report, report_of_run
from training.cli_shared import (
    PRESETS_HELP,
    SETTINGS_PAGE,
    DataOption,
    DeviceOption,
    ThreadsOption,
    choose_device,
    errors,
    parse_overrides,
    say,
    set_threads,
    told_plainly,
)
from training.cli_suite import suite
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.data.shards.reading import load_held
from training.distributed.held import held_range
from training.distributed.processes import Processes, joined_processes, launched, leading_error
from training.presets import SystemRecipe, load_recipe
from training.progress import FileObserver, Observers, RichObserver, Silent, Stages
from training.refit import check_same_data, refit_config
from training.release import calibration_rows, make_release
from training.trainer import Observer, train

ShardOption = Annotated[
    bool,
    typer.Option("--shard-tables", help="Under torchrun: each process holds a part of the users, items and entities."),
]
ProgressOption = Annotated[
    Path | None, typer.Option(help="A JSON file to keep up to date with how far the run is, for others to read.")
]

RELEASE_STAGES = 4
"""Measuring, indexing, calibrating, recall; sorting into cells is a fifth where there are many items."""

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Raw files → data set → checkpoint → release."
)
for _name, _command in cli_files.COMMANDS.items():
    app.command(_name)(_command)
app.command("suite")(suite)
app.command("evaluate")(evaluate_command)
app.command("audit")(audit_command)
app.add_typer(report, name="report")


@app.callback()
def _by_several_processes(context: typer.Context) -> None:
    if launched() and context.invoked_subcommand not in ("train", "refit"):
        with told_plainly():
            raise leading_error(f"torchrun: several processes train and refit; {context.invoked_subcommand} is for one")


@app.command("train")
def train_command(
    data: DataOption,
    run: Annotated[Path, typer.Option("--out", help="The folder of this run: state, best epochs, checkpoint.")],
    preset: Annotated[str, typer.Option(help=PRESETS_HELP)] = "sample",
    system: Annotated[
        str | None,
        typer.Option(help=f"As the preset trains it: {', '.join(REGISTRY)}. Default: the preset's own model."),
    ] = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help=f"Change a setting: --set epochs=3 --set model.norm=l1. All of them: {SETTINGS_PAGE}."
        ),
    ] = None,
    warm_starts: Annotated[
        list[Path] | None,
        typer.Option(
            "--warm-start", help="A checkpoint to begin from; may be repeated, as in ktup from tup and transh."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out after a stop or kill.")] = False,
    progress: ProgressOption = None,
    shard_tables: ShardOption = False,
    with_report: ReportOption = True,
) -> None:
    """Train a model; the best epoch on validation becomes OUT/checkpoint, and OUT/report.html tells how it went.

    Started by torchrun, several processes train one model: docs/how-to/train-on-several-machines.md.
    """
    with told_plainly():
        set_threads(threads)
        with joined_processes(device) as processes:
            recipe = processes.together(lambda: load_recipe(preset, system, parse_overrides(settings or [])))
            loaded, dataset = _loaded(data, processes, recipe.config)
            if processes.leads:
                _note_cold_start(recipe, warm_starts or [])
                for path in warm_starts or []:
                    _note_other_data(path, dataset)
            with _shown(recipe.config.epochs, progress, processes) as observer:
                here = processes.device(choose_device(device))
                given = recipe.config, dataset, run, here, observer, resume, warm_starts or []
                result = train(*given, processes, shard_tables)
        if processes.leads:
            say(f"best epoch {result.best_epoch} of {len(result.history)}: {result.checkpoint}")
            if with_report:
                _report(run, data, loaded, here)


@app.command("refit")
def refit_command(
    data: DataOption,
    checkpoint: Annotated[Path, typer.Option(help="The checkpoint that validation chose, as `train` leaves it.")],
    run: Annotated[Path, typer.Option("--out", help="The folder of this run: state, checkpoint.")],
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    warm_starts: Annotated[
        list[Path] | None, typer.Option("--warm-start", help="What the checkpoint began from, if anything.")
    ] = None,
    facts: Annotated[
        bool, typer.Option(help="Learn from the validation facts, too; `release` then needs --probabilities-of.")
    ] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out after a stop or kill.")] = False,
    progress: ProgressOption = None,
    shard_tables: ShardOption = False,
    with_report: ReportOption = True,
) -> None:
    """Train a checkpoint's settings again, on the validation rows too, for serving."""
    with told_plainly():
        set_threads(threads)
        with joined_processes(device) as processes:
            config = processes.together(lambda: refit_config(checkpoint, warm_starts or [], facts))
            loaded, dataset = _loaded(data, processes, config)
            processes.together(lambda: check_same_data(checkpoint, dataset))
            if processes.leads:
                for path in warm_starts or []:
                    _note_other_data(path, dataset)
            with _shown(config.stop_epoch or config.epochs, progress, processes) as observer:
                here = processes.device(choose_device(device))
                given = config, dataset, run, here, observer, resume, warm_starts or []
                result = train(*given, processes, shard_tables)
        if processes.leads:
            say(f"refit of {len(result.history)} epochs: {result.checkpoint}")
            if with_report:
                _report(run, data, loaded, here)


@app.command("release")
def release_command(
    data: DataOption,
    checkpoint: Annotated[Path, typer.Option(help="A checkpoint directory, as `train` leaves it.")],
    releases: Annotated[Path, typer.Option(help="The folder of releases.")] = Path("var/releases"),
    release_id: Annotated[str | None, typer.Option("--id", help="Default: data set, model and time.")] = None,
    index: Annotated[Kind | None, typer.Option(help="How items are searched. Default: chosen by their number.")] = None,
    threads: ThreadsOption = None,
    probabilities_of: Annotated[
        Path | None, typer.Option(help="For a refit: the checkpoint it came from, whose probabilities it takes.")
    ] = None,
    audited: Annotated[
        bool, typer.Option("--audit", help="Try the reasons of the release, too: `audit` with its defaults.")
    ] = False,
    users: Annotated[
        UserVectors,
        typer.Option(
            help="Whether servers load users, or look them up in its files. Default: by number, from a million."
        ),
    ] = "auto",
) -> None:
    """Make a release of a checkpoint: measured, indexed, and written in one step."""
    with told_plainly(), Stages(RELEASE_STAGES) as stages:
        set_threads(threads)
        dataset = IndexedDataset.of(Dataset.load(data))
        path = make_release(checkpoint, dataset, releases, release_id, stages.tell, index, probabilities_of, users)
    for name, value in calibration_rows(read_manifest(path)["metrics"]):
        errors.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
    say(f"release {path.name}")
    if audited:
        audit_command(data, path, threads=threads)


@contextmanager
def _shown(epochs: int, file: Path | None, processes: Processes) -> Iterator[Observer]:
    """Show a run of `epochs` on the terminal, and in `file` if there is one; the other processes say nothing."""
    if not processes.leads:
        yield Silent()
        return
    with RichObserver(epochs) as terminal:
        yield terminal if file is None else Observers(terminal, FileObserver(file, epochs))


def _loaded(data: Path, processes: Processes, config: TrainingConfig) -> tuple[Dataset | None, IndexedDataset]:
    """Read a data set as rows; its tables are kept by the process alone that reports on them.

    Where each process holds shards, each reads its own; no tables are there then to report on.
    """
    if processes.size > 1 and config.data_shards > 1:
        return None, processes.together(lambda: _held(data, processes, config))
    tables = processes.together(lambda: Dataset.load(data))
    return tables if processes.leads else None, IndexedDataset.of(tables)


def _report(run: Path, data: Path, tables: Dataset | None, device: torch.device) -> None:
    if tables is None:  # whole tables are what shards are there to avoid
        told = f"note: no report: interactions were read in shards; python -m training report run --data {data} {run}"
        errors.print(told, markup=False, highlight=False, soft_wrap=True)
    else:
        report_of_run(run, tables, device)


def _held(data: Path, processes: Processes, config: TrainingConfig) -> IndexedDataset:
    shards = config.data_shards
    return load_held(data, shards, held_range(shards, processes), check_hash=processes.leads)


def _note_cold_start(recipe: SystemRecipe, warm_starts: list[Path]) -> None:
    """A preset names systems, not folders: what it would begin from must be given."""
    if recipe.warm_starts and not warm_starts:
        sources = " and ".join(recipe.warm_starts)
        note = f"note: {recipe.name} begins from {sources} in this preset; without --warm-start it begins from nothing"
        errors.print(note, markup=False, highlight=False, soft_wrap=True)


def _note_other_data(checkpoint: Path, dataset: IndexedDataset) -> None:
    """Ids may be the same where the rows are not; then what the checkpoint learnt from may stand in test here."""
    if read_manifest(checkpoint).get("dataset", {}).get("content_hash") != dataset.content_hash:
        note = (
            f"note: {checkpoint} was trained on other rows; some of them may stand in valid or test of {dataset.name}"
        )
        errors.print(note, markup=False, highlight=False, soft_wrap=True)
