"""`python -m training evaluate`: a checkpoint on the test split, beside the run that was evaluated last."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from models.checkpoint import load_checkpoint
from training.cli_shared import (
    DataOption,
    DeviceOption,
    ThreadsOption,
    choose_device,
    errors,
    out,
    set_threads,
    told_plainly,
)
from training.config import ConfigError
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.release import calibrated, calibration_rows, measure_on_test, source_of_probabilities
from training.reports.evaluated import (
    Evaluation,
    Row,
    check_comparable,
    differences,
    evaluation_of,
    keep,
    kept,
    last_beside,
    rows,
    run_of,
)

_LOOKS = {True: ("▲", "green"), False: ("▼", "red")}


def evaluate_command(
    data: DataOption,
    checkpoint: Annotated[Path, typer.Option(help="A checkpoint directory, as `train` leaves it.")],
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    protocol: Annotated[
        Literal["strict", "paper"] | None,
        typer.Option(help="Default: the one it was trained under. What was trained under paper has no strict figures."),
    ] = None,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Fit probabilities of missing facts, too, and measure those.")
    ] = False,
    probabilities_of: Annotated[
        Path | None,
        typer.Option(help="With --calibration, for a refit: the checkpoint it came from, on which they are fitted."),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(help="The folder of an evaluated run. Default: the one in the same folder evaluated last."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure a checkpoint on the test split: top-N recommendation and filtered graph completion.

    The figures of a run are kept in its folder, and shown beside those of the run that was evaluated last on the same
    data and under the same protocol, and that learnt from the same splits; ▲ is better, ▼ is worse.
    """
    with told_plainly():
        if probabilities_of is not None and not calibration:
            raise ConfigError("--probabilities-of says on what --calibration fits; add that")
        set_threads(threads)
        chosen = choose_device(device)
        with errors.status("measuring on the test split"):
            dataset = IndexedDataset.of(Dataset.load(data))
            loaded = load_checkpoint(checkpoint, chosen)
            fitted = None
            if calibration and hasattr(loaded.model, "score_triples"):
                fitted = source_of_probabilities(loaded, checkpoint, dataset, probabilities_of)
            metrics = measure_on_test(loaded, dataset, chosen, protocol)
            if calibration:
                calibrated(loaded, dataset, metrics, fitted)
        own, run = evaluation_of(loaded.manifest, metrics), run_of(checkpoint)
        other = _other(run, own, beside)
        if run is not None:
            _keep(run, own)
    if as_json:
        out.print_json(json.dumps({**metrics, "trained_under": own.trained_under, "learnt": own.learnt}))
        return
    out.print(_table(dataset.name, own, other))


def _other(run: Path | None, own: Evaluation, beside: Path | None) -> tuple[Path, Evaluation] | None:
    """Find the run to compare with: the one that is named, or the last one."""
    if beside is None:
        return None if run is None else last_beside(run, own)
    found = kept(beside, own.protocol)
    check_comparable(beside, found, own)
    for difference in differences(found, own):
        errors.print(f"note: {beside}: {difference}", markup=False, highlight=False, soft_wrap=True)
    return beside, found


def _keep(run: Path, own: Evaluation) -> None:
    """Keep the figures; a folder that cannot be written to is told, and stops nothing."""
    try:
        keep(run, own)
    except OSError as error:
        note = f"note: the figures were not kept: {error.filename}: {error.strerror}"
        errors.print(note, markup=False, highlight=False, soft_wrap=True)


def _table(name: str, own: Evaluation, other: tuple[Path, Evaluation] | None) -> Table:
    metrics, title = own.metrics, f"{escape(name)}, test split, {own.protocol} protocol"
    title += f", trained under {own.trained_under}" if own.trained_under != own.protocol else ""
    title += f", learnt from {own.learnt}" if own.learnt != "train" else ""
    found = rows(metrics, other and other[1].metrics)
    extra = calibration_rows(metrics)
    if other is None:
        table = Table("metric", Column("value", justify="right"), title=title)
        for row in found:
            table.add_row(row.name, row.value)
        for each in extra:
            table.add_row(*each)
        return table
    right = [Column(text, justify="right") for text in ("value", escape(other[0].name), "difference")]
    table = Table("metric", *right, title=title)
    for row in found:
        table.add_row(row.name, row.value, row.other, _difference(row))
    for each in extra:
        table.add_row(*each, "", "")
    return table


def _difference(row: Row) -> Text:
    """Give sign, size and, in colour and as a mark, whether it is better."""
    if row.better is None:
        return Text(row.difference)
    mark, style = _LOOKS[row.better]
    return Text(f"{row.difference} {mark}", style=style)
