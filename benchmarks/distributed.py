"""Training by one process and by two, with whole and with sharded tables: losses, rows a second, bytes, memory.

    python -m benchmarks.distributed --data DATASET_DIR --preset dbbook2014 --out benchmarks/results/distributed.json

Each kind is a run of its own with one thread a process; kinds take turns, round by round, so that what else the machine
does falls on all of them. Medians over the rounds. On a busy machine compare processor time: two processes are given
more of its cores. That of the last epoch is told, with its validation and saving on rank 0. Memory is in MiB: before
training, the most at a step, the most at all (rank 0 brings sharded tables together to save them). The plot has both
losses of each kind by epoch.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from safetensors import safe_open

from benchmarks import distributed_data
from benchmarks.machine import describe_machine
from models.checkpoint import WEIGHTS
from training.data.dataset import Dataset
from training.reports.figures.style import BLUE, GREY, VERMILLION, new_figure, one_sided, save

KINDS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "one process": (1, ()),
    "two processes": (2, ()),
    "two processes, sharded tables": (2, ("--shard-tables",)),
}
FEW_INTERACTIONS = 20_000
Record = Mapping[str, Any]
LOSSES = ("recommendation_loss", "completion_loss")


def run_once(kind: str, folder: Path, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Run a kind, and give what each of its processes wrote, by rank, with the load when it began."""
    processes, more = KINDS[kind]
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launcher, "-m", "benchmarks.distributed_side", str(folder / "run"), *arguments, *more]
    load = os.getloadavg()[0]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    ranks = [json.loads((folder / f"run-rank-{k}.json").read_text("utf-8")) for k in range(processes)]
    return [{**rank, "load": round(load, 1), "tables": _bytes_of_tables(folder / "run")} for rank in ranks]


def _bytes_of_tables(run: Path) -> int:
    with safe_open(run / "checkpoint" / WEIGHTS, framework="np") as file:
        weights = [file.get_slice(name) for name in file.keys() if name != "alignment"]  # noqa: SIM118
        return sum(4 * _product(weight.get_shape()) for weight in weights)


def _product(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def row_of(
    kind: str, rounds: Sequence[Sequence[Mapping[str, Any]]], alone: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Put the rounds of a kind in one row; `alone` is the history of one process."""
    leads = [ranks[0] for ranks in rounds]
    seconds = [record["seconds"] for lead in leads for record in lead["history"][1:] or lead["history"]]
    history = leads[0]["history"]
    apart = [
        abs(ours[name] - theirs[name])
        for ours, theirs in zip(history, alone, strict=True)
        for name in LOSSES
        if name in ours
    ]
    return {
        "kind": kind,
        "seconds_an_epoch": round(statistics.median(seconds), 2),
        "interactions_a_second": round(leads[0]["rows"] / statistics.median(seconds)),
        "cpu_seconds_of_last_epoch_by_rank": [
            round(statistics.median(ranks[k]["cpu_seconds"][-1] for ranks in rounds), 2) for k in range(len(rounds[0]))
        ],
        "bytes_a_step": round(history[-1].get("bytes_a_step", 0)),
        "bytes_of_all_tables": leads[0]["tables"],
        "largest_difference_of_losses": max(apart),
        **{
            f"{name}_by_rank": [max(ranks[k][name] for ranks in rounds) for k in range(len(rounds[0]))]
            for name in ("mib_before", "mib_at_steps", "mib_at_most")
        },
        "load_at_start": [lead["load"] for lead in leads],
        "losses": {name: [record[name] for record in history] for name in LOSSES if name in history[0]},
    }


def measure(arguments: Sequence[str], rounds: int, say: Any) -> list[dict[str, Any]]:
    """Run every kind in each round, and give a row for each."""
    found: dict[str, list[list[dict[str, Any]]]] = {kind: [] for kind in KINDS}
    for turn in range(rounds):
        for kind in KINDS:
            say(f"round {turn + 1} of {rounds}: {kind}")
            with tempfile.TemporaryDirectory() as folder:
                found[kind].append(run_once(kind, Path(folder), arguments))
    alone = found["one process"][0][0]["history"]
    return [row_of(kind, ranks, alone) for kind, ranks in found.items()]


def plot(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Draw the losses by epoch, one process and two: distributed.png and distributed.svg."""
    with new_figure(8, 3.6) as figure:
        for place, name in enumerate(rows[0]["losses"]):
            axes = figure.add_subplot(1, len(rows[0]["losses"]), place + 1)
            for row, colour, marker, size in zip(rows, (GREY, VERMILLION, BLUE), "os+", (11, 7, 7), strict=True):
                values = row["losses"][name]
                axes.plot(
                    range(1, len(values) + 1), values, color=colour, marker=marker, markersize=size,
                    fillstyle="none", linewidth=1.0, label=row["kind"],
                )  # fmt: skip
            axes.set_xticks(range(1, len(rows[0]["losses"][name]) + 1))
            axes.set_xlabel("epoch")
            axes.set_ylabel(name.replace("_", " "))
            one_sided(axes)
            axes.legend(frameon=False, fontsize=8)
        worst = max(row["largest_difference_of_losses"] for row in rows)
        figure.suptitle(f"Losses of one process and of two, same seed and batches: at most {worst:.1e} apart")
        save(figure, folder, "distributed")


def measure_interactions(rows: int, say: Any) -> dict[str, Any]:
    """Measure what processes hold of so many interactions, and of few: what is apart is due to them."""
    few = min(FEW_INTERACTIONS, rows)
    of_few, of_all = (distributed_data.measure(number, say) for number in (few, rows))
    return {"rows": rows, "kinds": of_all, "few_rows": few, "kinds_with_few": of_few}


def write(out: Path, result: Mapping[str, Any]) -> None:
    """Write the file, and print what was measured of interactions."""
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for row in (result["interactions"] or {"kinds": []})["kinds"]:
        print(json.dumps(row))


def main(
    data: Annotated[Path, typer.Option(help="A data set directory.")],
    out: Annotated[Path, typer.Option(help="The JSON file; the plot is written beside it.")],
    preset: str = "dbbook2014",
    epochs: Annotated[int, typer.Option(min=1)] = 4,
    rounds: Annotated[int, typer.Option(min=1)] = 2,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Change a setting.")] = None,
    large: Annotated[bool, typer.Option(help="Measure the memory of large tables, too.")] = True,
    interactions: Annotated[
        int, typer.Option(min=0, help="Measure the memory of so many interactions, too.")
    ] = 4_000_000,
    again: Annotated[
        Literal["all", "interactions"], typer.Option(help="interactions: the rest of an older result stays.")
    ] = "all",
) -> None:
    """Measure, print and write."""
    console = Console(stderr=True)
    if again == "interactions":
        older = json.loads(out.read_text(encoding="utf-8"))
        write(out, older | {"interactions": measure_interactions(interactions, console.print)})
        return
    changed = [f"epochs={epochs}", f"validation.every={epochs}", *(settings or [])]
    arguments = ["--data", str(data), "--preset", preset, *(word for s in changed for word in ("--set", s))]
    rows = measure(arguments, rounds, console.print)
    manifest = Dataset.load(data).manifest
    shown = " ".join(
        [f"--preset {preset} --epochs {epochs} --rounds {rounds}", *(f"--set {s}" for s in settings or [])]
    )
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "data": {"name": manifest.name, "content_hash": manifest.content_hash},
        "machine": describe_machine(1, ("torch", "numpy")),
        "command": f"python -m benchmarks.distributed --data DATASET_DIR {shown} --out benchmarks/results/{out.name}",
        "settings": {"preset": preset, "epochs": epochs, "rounds": rounds, "changed": settings or []},
        "rows": rows,
        "large_tables": measure(["--data", "large"], 1, console.print) if large else None,
        "interactions": measure_interactions(interactions, console.print) if interactions else None,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write(out, result)
    plot(rows, out.parent)
    for row in [*rows, *(result["large_tables"] or [])]:
        print(json.dumps({key: value for key, value in row.items() if key != "losses"}))


if __name__ == "__main__":
    typer.run(main)
