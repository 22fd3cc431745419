"""For whom the lists are good: metrics of the lists by how active people are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.evaluation.recommendation import evaluate_recommendation
from training.reports.figures.activity import activity_groups
from training.reports.figures.style import BARS, PURPLE, VERMILLION, new_figure, save
from training.reports.markdown import number
from training.reports.run.finished import FinishedRun
from training.reports.run.html import Grid, Picture, Section

ACTIVITY, GROUPS = "activity", 5
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """(G,) groups from the least active: people, mean training interactions, and metrics in percent by name."""

    people: NDArray[np.int64]
    interactions: Floats
    metrics: dict[str, Floats]


def groups_of(run: FinishedRun) -> Groups | None:
    """Measure the people of the report's split, grouped; None where the model has no lists or the split no rows."""
    model, rows = run.checkpoint.model, run.indexed.interactions[run.split]
    if not hasattr(model, "score_items") or not len(rows):
        return None
    found = evaluate_recommendation(model, run.indexed, run.split, run.protocol, run.top_n, run.device)
    counts = np.bincount(run.learnt.interactions["train"][:, 0], minlength=len(run.indexed.users))[found.users]
    groups = activity_groups(counts, GROUPS)
    people = np.bincount(groups)
    named = {"F1": "f1", "NDCG": found.ndcg, "Recall": "recall", "Hit ratio": "hit"}
    metrics = {title: 100 * np.bincount(groups, found.values[key]) / people for title, key in named.items()}
    return Groups(people, np.bincount(groups, counts) / people, metrics)


def people_section(run: FinishedRun, pictures: Path) -> Section:
    """Draw and tell the groups."""
    groups, title = groups_of(run), "Lists by how active people are"
    if groups is None:
        return Section(title, [f"{run.checkpoint.model_name} makes no lists, or the {run.split} split has no rows."])
    _draw(groups, run.top_n, pictures)
    rows = [
        [f"group {k + 1}", f"{people:,}", number(groups.interactions[k], 1)]
        + [number(values[k], 2) for values in groups.metrics.values()]
        for k, people in enumerate(groups.people.tolist())
    ]
    header = ["", "people", "interactions", *groups.metrics]
    caption = (
        f"People of {run.split} in at most {GROUPS} groups, from the least active one, balanced by people and "
        "interactions; people with as many interactions stay together."
    )
    grid = Grid(f"Lists by group, @{run.top_n}, percent, {run.split} split", header, rows)
    return Section(title, [Picture(ACTIVITY, _told(groups), caption), grid])


def _told(groups: Groups) -> str:
    told = [
        f"{people} people with {number(mean, 1)} interactions: F1 {number(f1, 1)}, NDCG {number(ndcg, 1)}"
        for people, mean, f1, ndcg in zip(
            *(groups.people.tolist(), groups.interactions, groups.metrics["F1"], groups.metrics["NDCG"]), strict=True
        )
    ]
    return f"Metrics in percent by activity, from the least active group. {'; '.join(told)}."


def _draw(groups: Groups, top_n: int, pictures: Path) -> None:
    places = np.arange(len(groups.people))
    with new_figure(9, 3.8) as figure:
        bars = figure.subplots()
        bars.bar(places, groups.interactions, color=BARS, width=0.7)
        bars.set_ylabel("mean interactions (bars)")
        bars.set_xticks(
            places,
            [
                f"{people:,} people,\n{number(mean, 1)} each"
                for people, mean in zip(groups.people.tolist(), groups.interactions, strict=True)
            ],
        )
        lines = bars.twinx()
        for title, colour, marker in (("F1", VERMILLION, "o"), ("NDCG", PURPLE, "s")):
            lines.plot(places, groups.metrics[title], color=colour, marker=marker, markersize=6, label=title)
        lines.set_ylabel(f"@{top_n}, percent (lines)")
        lines.set_ylim(0, 1.15 * max(1e-9, *(float(groups.metrics[name].max()) for name in ("F1", "NDCG"))))
        lines.spines["top"].set_visible(False)
        figure.legend(*lines.get_legend_handles_labels(), loc="outside upper right", frameon=False, ncols=2)
        save(figure, pictures, ACTIVITY)
