"""`python -m training report run|paper|strict`: the report of a run, or of a suite, with its plots."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from training.cli_shared import DataOption, DeviceOption, choose_device, errors, say, told_plainly
from training.data.dataset import Dataset
from training.reports.pages import paper_report, strict_report
from training.reports.results import ReportError
from training.reports.run.report import run_report

report = typer.Typer(no_args_is_help=True, help="Make a report of a run or a suite: tables, plots, what they are of.")
SuiteOption = Annotated[Path, typer.Option("--suite", help="The folder of a suite, as `suite` fills it.")]
PresetOption = Annotated[str, typer.Option(help="The preset whose results are reported.")]
OutOption = Annotated[
    Path, typer.Option("--out", help="The directory of the report; an older report there is replaced.")
]

ReportOption = Annotated[bool, typer.Option("--report/--no-report", help="Write OUT/report.html at the end.")]


def report_of_run(run: Path, dataset: Dataset, device: torch.device) -> None:
    """Write the report at the end of a run; one that cannot be made is told and stops nothing, as the run is whole."""
    try:
        with errors.status("writing the report") as status:
            path = run_report(run, dataset, None, status.update, device)
    except (ReportError, FloatingPointError, OSError) as error:
        errors.print(f"note: no report: {error}", markup=False, highlight=False, soft_wrap=True)
    else:
        say(f"report: {path}")


@report.command("paper")
def paper_command(data: DataOption, suite: SuiteOption, preset: PresetOption, out: OutOption) -> None:
    """Make Tables 2 to 4, Figures 4 and 5 and the case study of the paper, with its figures beside ours."""
    with told_plainly(), errors.status("reading results") as status:
        path = paper_report(Dataset.load(data), suite, preset, out, status.update)
    say(f"Written to {path}")


@report.command("strict")
def strict_command(
    data: DataOption,
    suite: SuiteOption,
    preset: PresetOption,
    baselines: Annotated[Path, typer.Option(help="The JSON file that benchmarks/baselines.py wrote.")],
    out: OutOption,
) -> None:
    """Make the table of our systems beside outside baselines, under the strict protocol."""
    with told_plainly(), errors.status("reading results"):
        path = strict_report(Dataset.load(data), suite, preset, baselines, out)
    say(f"Written to {path}")


@report.command("run")
def run_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run, as `train` leaves it.")],
    data: DataOption,
    release: Annotated[
        Path | None, typer.Option(help="A release of the same data, whose audit of reasons is shown.")
    ] = None,
    device: DeviceOption = "cpu",
) -> None:
    """Make RUN/report.html of a finished run: how it learnt, for whom and which facts it is good, what its data is."""
    with told_plainly(), errors.status("reading the run") as status:
        path = run_report(run, Dataset.load(data), release, status.update, choose_device(device))
    say(f"Written to {path}")
