"""Whether the joint model beats its halves alone: KTUP against TUP and against TransH, paired by seed."""

from collections.abc import Sequence

from training.reports.markdown import listed, table
from training.reports.metrics import COMPLETION, RECOMMENDATION, Metric
from training.reports.published import name_of
from training.reports.results import Results
from training.reports.statistics import Paired, paired

PAIRS: Sequence[tuple[str, str, tuple[Metric, ...]]] = (
    ("ktup-soft", "tup-soft", RECOMMENDATION),
    ("ktup-hard", "tup-hard", RECOMMENDATION),
    ("ktup-soft", "transh", COMPLETION),
    ("ktup-hard", "transh", COMPLETION),
)


def alone_section(results: Results) -> str:
    """Make a sentence for each pair, and a table of the differences."""
    rows: list[list[str]] = []
    sentences = []
    for joint, alone, metrics in PAIRS:
        found = {metric: _compare(results, joint, alone, metric) for metric in metrics}
        told = {metric: value for metric, value in found.items() if value is not None}
        sentences.append(f"- {_sentence(joint, alone, told)}")
        rows += [_row(joint, alone, metric, value) for metric, value in told.items()]
    parts = ["\n".join(sentences)]
    if rows:
        parts.append(table(["Joint − alone", "Metric", "Difference", "Better in"], rows, left=2))
    return "\n\n".join(parts)


def _compare(results: Results, joint: str, alone: str, metric: Metric) -> Paired | None:
    first, second = (
        {run.seed: value for run in results.of(system) if (value := metric.of(run)) is not None}
        for system in (joint, alone)
    )
    return paired(first, second, metric.higher_is_better)


def _sentence(joint: str, alone: str, found: dict[Metric, Paired]) -> str:
    pair = f"{name_of(joint)} against {name_of(alone)} alone"
    if not found:
        return f"{pair}: no seed has both, so nothing can be said."
    task, seeds = next(iter(found)).task, next(iter(found.values())).difference.seeds
    runs = f"{seeds} seed{'s' if seeds > 1 else ''}"
    losing = [metric for metric, value in found.items() if value.better < seeds]
    if not losing:
        return f"{pair} on {task}: **better on every metric with every seed** ({runs})."
    told = listed([f"{metric.title} (better in {found[metric].better} of {seeds})" for metric in losing])
    rest = "" if len(losing) == len(found) else "; better on the other metrics with every seed"
    return f"{pair} on {task}: **not better with every seed on {told}**{rest} ({runs})."


def _row(joint: str, alone: str, metric: Metric, value: Paired) -> list[str]:
    pair = f"{name_of(joint)} − {name_of(alone)}"
    title = metric.title if metric.higher_is_better else f"{metric.title} (less is better)"
    return [pair, title, metric.spelt(value.difference, signed=True), f"{value.better} of {value.difference.seeds}"]
