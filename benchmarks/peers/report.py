"""The file and the table of a run; benchmarks/README.md documents the file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from rich.table import Table

from benchmarks.machine import describe_machine
from benchmarks.peers.comparison import Found, compare, share_of_core
from benchmarks.peers.contest import OURS, ROOT, Contest
from models.durable import replace_text

RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Report:
    """What is written, in this order."""

    date: str
    data: Mapping[str, str]
    machine: Mapping[str, Any]
    peers: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Any]
    command: str
    share_of_core: float
    measurements: Sequence[Mapping[str, Any]]
    whole: Mapping[str, int]

    @classmethod
    def of(cls, found: Mapping[str, Sequence[Found]], contest: Contest, file: str) -> Self:
        """Compare what the sides found."""
        dataset, settings = contest.dataset, asdict(contest.settings)
        rounds = len(found[OURS])
        return cls(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            data={"name": dataset.name, "content_hash": dataset.content_hash},
            machine=describe_machine(contest.settings.threads, ("torch", "numpy")),
            peers=contest.versions(),
            settings={**settings, "negatives": 1, "rounds": rounds},
            command=_command(contest, rounds, file),
            share_of_core=min(map(share_of_core, found.values())),
            measurements=compare(found[OURS], {side: found[side] for side in contest.peers}),
            whole={
                "users": len(np.unique(dataset.interactions["test"][:, 0])),
                "triples": len(dataset.triples["test"]),
            },
        )


def default_name() -> str:
    """Give the file's name of today."""
    return f"training-{datetime.now(UTC):%Y-%m-%d}.json"


def write(path: Path, report: Report) -> None:
    """Write the report in one step: `path` holds the whole of it or what it held before."""
    replace_text(path, json.dumps(asdict(report), indent=1) + "\n")


def table(report: Report) -> Table:
    """Show the ratios: of wall times, and of processor times, which hold on a busy machine too."""
    title = f"{report.data['name']}, {report.settings['threads']} thread, d = {report.settings['embedding_size']}"
    table = Table("", "theirs", "ours", "ratio", "(CPU)", "aim", title=title, caption="CPU: ratio of processor times")
    for line in report.measurements:
        table.add_row(
            f"{line['name']} ({line['peer']})",
            *(_spell(line[side]["per_second"], line["unit"], report.whole) for side in ("theirs", "ours")),
            f"{line['ratio']:.1f}",
            f"{line['cpu_ratio']:.1f}",
            "" if line["target"] is None else f"{line['target']:g}",
        )
    return table


def _spell(rate: float, unit: str, whole: Mapping[str, int]) -> str:
    """Give a rate, or the time for all users or test triples at that rate."""
    return f"{whole[unit] / rate:,.1f} s" if unit in whole else f"{rate:,.0f} {unit}/s"


def _command(contest: Contest, rounds: int, file: str) -> str:
    settings = contest.settings
    only = " ".join(f"--only {peer}" for peer in contest.peers)
    sizes = f"--batch-size {settings.batch_size} --batches {settings.batches} --triples {settings.triples}"
    return f"python -m benchmarks.peers --data DATASET_DIR --out {file} {only} --rounds {rounds} {sizes}"
