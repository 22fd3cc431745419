"""How a run learnt: losses of both tasks and what validation said, by epoch; and the two tasks against each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.reports.figures.curves import curves_of_history, draw_one
from training.reports.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    new_figure,
    one_sided,
    save,
)
from training.reports.markdown import number
from training.reports.run.finished import FinishedRun
from training.reports.run.html import Grid, Picture, Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSSES, METRICS, CORRELATION = "losses", "metrics", "correlation"
_TASKS = {"recommendation_loss": ("recommendation", VERMILLION), "completion_loss": ("facts", BLUE)}
_LISTS = {"f1": ("F1", VERMILLION, "o"), "ndcg": ("NDCG", PURPLE, "s"), "recall": ("Recall", ORANGE, "^")}
_FACTS = {"hits": ("Hits", BLUE, "o"), "mrr": ("MRR", GREEN, "s")}
Look = Mapping[str, tuple[str, str, str]]
Records = Sequence[Mapping[str, Any]]


def learning(run: FinishedRun, pictures: Path) -> list[Section]:
    """Draw and tell the losses, the validations, and how the two tasks moved together."""
    validated = [record for record in run.history if record.get("valid")]
    sections = [Section("Losses", [_losses(run, pictures)])]
    if not validated:
        text = "Nothing was validated: a refit trains for as many epochs as validation chose before it."
        if not run.settings.get("refit"):
            text = "Nothing was validated: the data set has no validation rows that this model could be measured on."
        return [*sections, Section("Validation", [text])]
    sections.append(Section("Validation", [_metrics(run, validated, pictures), _best_table(run, validated)]))
    return [*sections, Section("Do the two tasks help each other?", [_correlation(run, pictures)])]


def _losses(run: FinishedRun, pictures: Path) -> Picture:
    shown = {key: look for key, look in _TASKS.items() if key in run.history[0]}
    with new_figure(9, 3.4) as figure:
        for axes, (key, (task, colour)) in zip(_side_by_side(figure, len(shown)), shown.items(), strict=True):
            epochs, values = [r["epoch"] for r in run.history], [r[key] for r in run.history]
            axes.plot(epochs, values, color=colour, linewidth=1.8)
            _mark_best(axes, run.best_epoch)
            axes.set_title(f"Loss of {task}", loc="left")
            axes.set_xlabel("epoch")
            axes.set_ylim(bottom=0)
        save(figure, pictures, LOSSES)
    told = [
        f"{task} from {number(run.history[0][key], 3)} in epoch 1 to {number(run.history[-1][key], 3)} in epoch "
        f"{run.history[-1]['epoch']}"
        for key, (task, _) in shown.items()
    ]
    alt = f"Loss by epoch: {'; '.join(told)}. Epoch {run.best_epoch} was kept."
    return Picture(LOSSES, alt, f"Mean loss of each epoch, before weighting; dotted: epoch {run.best_epoch}, kept.")


def _metrics(run: FinishedRun, validated: Records, pictures: Path) -> Picture:
    parts = [(_LISTS, "lists"), (_FACTS, "facts")]
    parts = [(looks, title) for looks, title in parts if set(looks) & set(validated[-1]["valid"])]
    with new_figure(9, 3.6) as figure:
        for axes, (looks, title) in zip(_side_by_side(figure, len(parts)), parts, strict=True):
            _lines(axes, looks, validated)
            _mark_best(axes, run.best_epoch)
            axes.set_title(f"Validation: {title}, @{run.top_n}, percent", loc="left")
        save(figure, pictures, METRICS)
    return Picture(
        METRICS, _told_metrics(run, validated), f"Validation by epoch; dotted: epoch {run.best_epoch}, kept."
    )


def _lines(axes: "Axes", looks: Look, validated: Records) -> None:
    for key, (label, colour, marker) in looks.items():
        points = [(record["epoch"], 100 * record["valid"][key]) for record in validated if key in record["valid"]]
        if points:
            epochs, values = zip(*points, strict=True)
            axes.plot(epochs, values, color=colour, marker=marker, markersize=4, linewidth=1.6, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=GREY, alpha=0.2)
    axes.legend(frameon=False, loc="lower right")


def _told_metrics(run: FinishedRun, validated: Records) -> str:
    first, best = validated[0], _best(run, validated)
    told = [
        f"{label} from {number(100 * first['valid'][key], 1)} to {number(100 * best['valid'][key], 1)} percent"
        for key, (label, *_) in (_LISTS | _FACTS).items()
        if key in first["valid"]
    ]
    return f"Validation from epoch {first['epoch']} to epoch {best['epoch']}, which was kept: {'; '.join(told)}."


def _best(run: FinishedRun, validated: Records) -> Mapping[str, Any]:
    return next((record for record in validated if record["epoch"] == run.best_epoch), validated[-1])


def _best_table(run: FinishedRun, validated: Records) -> Grid:
    first, best, last = validated[0], _best(run, validated), validated[-1]
    rows = [
        [label, *(number(100 * record["valid"][key], 2) for record in (first, best, last))]
        for key, (label, *_) in (_LISTS | {"hit": ("Hit ratio", SKY, "v")} | _FACTS).items()
        if key in first["valid"]
    ]
    epochs = [f"epoch {first['epoch']}", f"epoch {best['epoch']}, kept", f"epoch {last['epoch']}, last"]
    return Grid(f"Validation, @{run.top_n}, percent", ["", *epochs], rows)


def _correlation(run: FinishedRun, pictures: Path) -> str | Picture:
    curves = curves_of_history(run.history, int(run.settings["seed"]), run.top_n)
    if curves is None:
        return f"{run.checkpoint.model_name} has one task alone, so there is nothing to compare."
    draw_one(curves, pictures, CORRELATION)
    rho = "has no value (a curve is flat or too short)" if curves.rho is None else f"is {number(curves.rho, 2)}"
    caption = (
        "As in Figure 5 of the paper: hit ratio of the facts (left axis) and F1 of the lists (right axis), each axis "
        "spanning its own curve. Pearson's rho near 1: both tasks learn together; below 0: one gains as the other "
        "loses."
    )
    alt = f"F1 of the lists and hit ratio of the facts over {len(curves.epochs)} validations; Pearson's rho {rho}."
    return Picture(CORRELATION, alt, caption)


def _side_by_side(figure: "Figure", n: int) -> "list[Axes]":
    found = list(figure.subplots(1, n, squeeze=False).flat)
    for axes in found:
        one_sided(axes)
    return found


def _mark_best(axes: "Axes", epoch: int) -> None:
    axes.axvline(epoch, color=GREY, linestyle=":", linewidth=1.4)
