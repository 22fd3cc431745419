"""Figure 5: how the two tasks move together while a joint model learns, and Pearson's rho of the two curves.

The curves are what was measured on validation in training, F1 of the lists and hit ratio of the facts. Each axis runs
from the least to the largest value of its own curve, which brings both to the same magnitude and leaves rho as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.reports.figures.style import BLUE, GREY, VERMILLION, new_figure, save
from training.reports.markdown import number, plain, table, with_spread
from training.reports.published import NAMES, Published, name_of
from training.reports.results import Results
from training.reports.statistics import over_seeds, pearson
from training.suite.result import RunResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = ("ktup-soft", "cofm-share", "cfkg", "cke")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """(E,) validated epochs with F1 and hit ratio, both @top_n and in percent, of one run."""

    seed: int
    top_n: int
    epochs: NDArray[np.int64]
    f1: Floats
    hits: Floats

    @property
    def rho(self) -> float | None:
        """Pearson's correlation of the two curves; None where it has no value."""
        return pearson(self.f1, self.hits)


def curves_of(run: RunResult) -> Curves | None:
    """Read the curves of a run off its history; None where it did not validate both tasks."""
    return curves_of_history(run.history, run.seed, run.settings["validation"]["top_n"])


def curves_of_history(history: Sequence[Mapping[str, Any]], seed: int, top_n: int) -> Curves | None:
    """Read the curves off the records of the epochs; None where none of them validated both tasks."""
    both = [
        (record["epoch"], record["valid"]["f1"], record["valid"]["hits"])
        for record in history
        if {"f1", "hits"} <= record.get("valid", {}).keys()
    ]
    if not both:
        return None
    epochs, f1, hits = zip(*both, strict=True)
    shares = (100 * np.array(values, dtype=np.float64) for values in (f1, hits))
    return Curves(seed, top_n, np.array(epochs), *shares)


def all_curves(results: Results) -> dict[str, list[Curves]]:
    """Gather the curves of every joint system, by seed."""
    found = {name: [c for run in results.of(name) if (c := curves_of(run))] for name in NAMES}
    return {name: curves for name, curves in found.items() if curves}


def correlation_table(curves: Mapping[str, Sequence[Curves]], published: Published) -> str:
    """Give rho for each joint system: mean and spread over the seeds, and the paper's where it prints one."""
    rows = []
    for name in [name for name in NAMES if name in curves or name in published.correlation]:
        values = [rho for c in curves.get(name, ()) if (rho := c.rho) is not None]
        seeds = ", ".join(str(c.seed) for c in curves.get(name, ()) if c.rho is not None)
        paper = published.correlation.get(name)
        own = with_spread(over_seeds(values), 2) if values else ""
        rows.append([plain(name_of(name)), seeds, own, *([f"*{number(paper, 2)}*" if paper else ""])])
    header = ["System", "Seeds", "rho", "*paper*"]
    return table(
        header if published.correlation else header[:3], [row[: 4 if published.correlation else 3] for row in rows]
    )


def draw_curves(curves: Mapping[str, Sequence[Curves]], folder: Path, name: str) -> None:
    """Draw the paper's four systems, the lowest seed of each; writes name.png and name.svg."""
    with new_figure(9.5, 6.6) as figure:
        for place, (system, axes) in enumerate(zip(DRAWN, figure.subplots(2, 2).flat, strict=True)):
            _panel(axes, f"({'abcd'[place]}) {name_of(system)}", next(iter(curves.get(system, ())), None))
        figure.suptitle("Validation while training: facts (left axis) and recommendation (right axis)", fontsize=11)
        save(figure, folder, name)


def draw_one(curves: Curves, folder: Path, name: str) -> None:
    """Draw the curves of one run; writes name.png and name.svg."""
    with new_figure(9, 3.8) as figure:
        _panel(figure.subplots(), "Validation while training", curves)
        save(figure, folder, name)


def _panel(axes: "Axes", title: str, curves: Curves | None) -> None:
    if curves is None:
        axes.text(0.5, 0.5, "no result in this suite", ha="center", va="center", color=GREY, transform=axes.transAxes)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    rho = "no ρ: a curve is flat or too short" if curves.rho is None else f"ρ = {number(curves.rho, 2)}"
    axes.set_title(f"{title}, seed {curves.seed}, {rho}", loc="left", fontsize=10)
    axes.set_xlabel("epoch")
    right = axes.twinx()
    right.spines["top"].set_visible(False)
    for on, values, colour, marker, label in (
        (axes, curves.hits, BLUE, "o", f"Hits@{curves.top_n} of facts, %"),
        (right, curves.f1, VERMILLION, "X", f"F1@{curves.top_n}, %"),
    ):
        on.plot(curves.epochs, values, color=colour, marker=marker, markersize=5, linewidth=1.6)
        on.set_ylabel(label, color=colour)
        on.tick_params(axis="y", colors=colour)
        margin = 0.06 * float(np.ptp(values)) or 0.5
        on.set_ylim(float(values.min()) - margin, float(values.max()) + margin)
    axes.set_xticks(_some(curves.epochs))


def _some(epochs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Choose at most eight of the validated epochs for the axis."""
    return epochs[:: -(-len(epochs) // 8)]
