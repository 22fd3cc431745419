"""Where the figures come from: each run's epochs, seconds and machine, and the commands that make it again."""

from training.reports.markdown import number, plain, table
from training.reports.metrics import HITS, RECOMMENDATION
from training.reports.published import NAMES, name_of
from training.reports.results import Results
from training.suite.result import RunResult

_F1 = RECOMMENDATION[2]


def runs_section(results: Results) -> str:
    """Make a table of the runs, in the order of the paper's systems, and the commands of each system's first seed."""
    systems = [name for name in NAMES if name in results.runs] + [name for name in results.runs if name not in NAMES]
    runs = [run for system in systems for run in results.of(system)]
    header = [
        "System",
        "Seed",
        "Best epoch",
        "Epochs",
        "Training s",
        "Evaluation s",
        "Threads",
        "Valid F1",
        "Valid Hits",
    ]
    machines = list(dict.fromkeys(_machine(run) for run in runs))
    parts = [
        f"Chosen on validation, never on test. Measured on: {'; '.join(machines)}.",
        table(header, [_row(run) for run in runs]),
        "DATA is the data set directory, RUNS any folder; the same seed and number of threads give the same weights.",
        *(_commands(results.of(system)[0]) for system in systems),
    ]
    return "\n\n".join(parts)


def _row(run: RunResult) -> list[str]:
    recommendation, completion = run.valid.recommendation, run.valid.completion
    return [
        plain(name_of(run.system)),
        *(str(value) for value in (run.seed, run.best_epoch, run.epochs_run)),
        *(number(value, 0) for value in (run.training_seconds, run.evaluation_seconds)),
        str(run.threads),
        "" if recommendation is None else number(_F1.scale * recommendation["f1"], 2),
        "" if completion is None else number(HITS.scale * completion["hits"], 2),
    ]


def _machine(run: RunResult) -> str:
    machine = run.machine
    device = "" if machine.device == "cpu" else f", {machine.device}"
    return plain(f"{machine.platform}, {machine.cpus} CPUs{device}, Python {machine.python}, torch {machine.torch}")


def _commands(run: RunResult) -> str:
    title = f"{name_of(run.system)}, seed {run.seed}, alone"
    lines = "\n".join(run.commands)
    return f"<details><summary>{title}</summary>\n\n```sh\n{lines}\n```\n\n</details>"
