"""`python -m training report paper|strict`: one Markdown report of a suite, with its plots."""

from pathlib import Path
from typing import Annotated

import typer

from training.cli_shared import DataOption, errors, say, told_plainly
from training.data.dataset import Dataset
from training.reports.pages import paper_report, strict_report

report = typer.Typer(no_args_is_help=True, help="Make a report of a suite: tables, plots, where the figures come from.")
SuiteOption = Annotated[Path, typer.Option("--suite", help="The folder of a suite, as `suite` fills it.")]
PresetOption = Annotated[str, typer.Option(help="The preset whose results are reported.")]
OutOption = Annotated[
    Path, typer.Option("--out", help="The directory of the report; an older report there is replaced.")
]


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
