"""Measure both sides in one run and write the ratios: python -m benchmarks.peers --data DATASET_DIR."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.peers.contest import Contest
from benchmarks.peers.environments import PeerError
from benchmarks.peers.report import RESULTS, Report, default_name, table, write
from benchmarks.peers.task import Settings
from models.durable import takes_file
from training.cli_shared import told_plainly
from training.config import ConfigError

QUIET = 0.9

app = typer.Typer(pretty_exceptions_enable=False)
out, errors = Console(), Console(stderr=True)


class Peer(StrEnum):
    """What `--only` takes."""

    recbole = "recbole"
    pykeen = "pykeen"


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set directory, as `python -m training convert` writes it.")],
    target: Annotated[
        Path | None, typer.Option("--out", help="Default: training-DATE.json in benchmarks/results.")
    ] = None,
    environments: Annotated[Path, typer.Option(help="The folder of the peers' environments.")] = Path("var/peers"),
    python: Annotated[
        Path, typer.Option(help="The Python that makes them; RecBole needs ray, which has no wheels past 3.11.")
    ] = Path(sys.executable),
    only: Annotated[list[Peer] | None, typer.Option(help="Measure against this one alone; may be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of all sides in turn; rates are medians.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows of a batch, of interactions and of triples.")] = 2048,
    batches: Annotated[int, typer.Option(min=1, help="Batches of training that are timed.")] = 100,
    triples: Annotated[
        int, typer.Option(min=8, help="Test triples that PyKEEN ranks; ours ranks seven times more.")
    ] = 256,
) -> None:
    """Measure training and ranking of both sides on one thread, print the ratios and write them as JSON."""
    path = target or RESULTS / default_name()
    with told_plainly(), errors.status("reading") as status:
        if not takes_file(path):
            raise ConfigError(f"--out {path} is no place for a file; name one in a directory that may be written to")
        peers = [peer.value for peer in only or Peer]
        settings = Settings(batch_size=batch_size, batches=batches, triples=triples)
        contest = Contest(data, environments, python, peers, settings)
        try:
            report = Report.of(contest.measure(rounds, status.update), contest, path.name)
        except PeerError as error:
            raise ConfigError(str(error)) from None
        write(path, report)
    out.print(table(report))
    if report.share_of_core < QUIET:
        errors.print("note: the machine was busy: compare processor times, or measure again", markup=False)


if __name__ == "__main__":
    app()
