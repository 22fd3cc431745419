"""The strict table: our systems beside outside baselines, and on what KTUP is above each of them.

Only what is fitted on train alone is compared; rows that saw validation too stand below, for information.
"""

from collections.abc import Mapping, Sequence

from training.reports.baselines import Baseline, Baselines
from training.reports.markdown import plain, table
from training.reports.metrics import RECOMMENDATION, Metric
from training.reports.published import NAMES, name_of
from training.reports.results import Results
from training.reports.statistics import OverSeeds

KTUP = ("ktup-soft", "ktup-hard")


def strict_table(results: Results, baselines: Baselines) -> str:
    """Make the table, the largest mean of each metric in bold, and the comparison of KTUP with the best baseline."""
    ours = _ours(results)
    rows = [
        [plain(name_of(system)), ", ".join(str(run.seed) for run in results.of(system)), *_own_cells(means)]
        for system, means in ours.items()
    ]
    alone = [row for row in baselines.rows if row.fitted_on == ("train",)]
    rows += [
        [plain(row.name), "", *(metric.spelt_one(_of(metric, row)) for metric in RECOMMENDATION)]
        for row in [*alone, *(row for row in baselines.rows if row not in alone)]
    ]
    bests = _bests(list(ours.values()), alone)
    header = ["System", "Seeds", *(metric.title for metric in RECOMMENDATION)]
    missing = [plain(name_of(system)) for system in KTUP if system not in ours]
    parts = [
        table(header, _emboldened(rows, bests, len(ours) + len(alone))),
        "In bold: the largest mean of what is fitted on train alone.",
        f"No result of {' and '.join(missing)} in this suite." if missing else "",
        "\n".join(_line(system, ours[system], row) for system in KTUP if system in ours for row in alone),
        "Settings of the baselines, chosen on validation: " + "; ".join(map(_settings, baselines.rows)) + ".",
        f"Baselines measured by `{baselines.command}`." if baselines.command else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _ours(results: Results) -> dict[str, dict[Metric, OverSeeds]]:
    order = [name for name in NAMES if name in results.runs] + [name for name in results.runs if name not in NAMES]
    found = {}
    for system in order:
        means = {metric: value for metric in RECOMMENDATION if (value := metric.over(results.of(system)))}
        if means:
            found[system] = means
    return found


def _own_cells(means: Mapping[Metric, OverSeeds]) -> list[str]:
    return [metric.spelt(means[metric]) for metric in RECOMMENDATION]


def _of(metric: Metric, row: Baseline) -> float:
    return metric.scale * float(getattr(row.test, metric.name))


def _bests(ours: Sequence[Mapping[Metric, OverSeeds]], rows: Sequence[Baseline]) -> list[str]:
    """Spell the largest mean of each metric as its cell begins."""
    values = ([means[m].mean for means in ours] + [_of(m, row) for row in rows] for m in RECOMMENDATION)
    return [m.spelt_one(max(of_metric, default=-1.0)) for m, of_metric in zip(RECOMMENDATION, values, strict=True)]


def _emboldened(rows: Sequence[Sequence[str]], bests: Sequence[str], compared: int) -> list[list[str]]:
    """Put the best cells of the first rows, those that are compared, in bold."""
    return [
        [
            *row[:2],
            *(_bold(c) if k < compared and c.split(" ")[0] == b else c for c, b in zip(row[2:], bests, strict=True)),
        ]
        for k, row in enumerate(rows)
    ]


def _bold(cell: str) -> str:
    return f"**{cell}**"


def _line(system: str, means: Mapping[Metric, OverSeeds], row: Baseline) -> str:
    differences = {metric: means[metric].mean - _of(metric, row) for metric in RECOMMENDATION}
    told = ", ".join(f"{metric.title} {metric.spelt_one(value, signed=True)}" for metric, value in differences.items())
    above = sum(round(value, metric.decimals) > 0 for metric, value in differences.items())
    return f"- **{plain(name_of(system))}** minus {plain(row.name)}: {told}; above on {above} of {len(differences)}."


def _settings(row: Baseline) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in row.settings.items()) or "none"
    return f"{plain(row.name)}: {plain(settings)} ({row.seconds:.1f} s)"
