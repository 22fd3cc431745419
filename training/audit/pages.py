"""The audit as a page: what was tried, how it came out, and what it does not show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.audit.summary import Figures
from training.reports.figures.style import BLUE, GREY, VERMILLION, new_figure, save
from training.reports.markdown import number, plain, table

MASKING, RELATIONS = "masking", "relations"
_LONGEST = 12
"""Relations in a table or plot; the others are summed up by their number."""


def page(figures: Figures) -> str:
    """Write the page; its plots lie beside it (`draw`)."""
    parts = [
        f"# Are the reasons of {plain(figures['release'])} true?",
        _head(figures),
        f"## Overview\n\n{_overview(figures)}",
        f"## Masking\n\n{_masking(figures)}\n\n![Masking]({MASKING}.png)",
        f"## One preference alone\n\n{_alone(figures['all']['sufficiency'])}",
        f"## Leaving out a history item\n\n{_leaving_out(figures['all']['leaving_out'])}",
        f"## Counterfactuals\n\n{_counterfactual(figures['all']['counterfactual'])}",
        f"## By named relation\n\n{_relations(figures)}\n\n![Relations]({RELATIONS}.png)",
    ]
    if figures["planted"] is not None:
        parts.append(f"## Planted truth\n\n{_planted(figures['planted'])}")
    return "\n\n".join(parts) + "\n"


def _head(figures: Figures) -> str:
    seeds, model = ", ".join(map(str, figures["seeds"])), f"{plain(figures['model'])} ({figures['mode']} induction)"
    return (
        f"{model} on {plain(figures['dataset'])}: {figures['all']['pairs']:,} pairs of a user and one of their first "
        f"{figures['top_n']} items, seeds {seeds}. Every figure comes from trying: masking and ranking again, folding "
        "in again, looking up. Tests are Wilcoxon's signed-rank test over the same pairs, two-sided."
    )


def _overview(figures: Figures) -> str:
    columns = [figures["all"], *figures["by_seed"].values()]
    names = ["all", *(f"seed {seed}" for seed in figures["seeds"])]
    rows = [[label, *(told(column) for column in columns)] for label, told in _LINES.items()]
    return table(["", *names], rows)


def _p(test: Figures) -> str:
    p = test["p"]
    return f"{number(p, 3)}" if p >= 0.001 else f"{p:.0e}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{number(100 * value, 1)} %"


def _drop_test(figures: Figures) -> str:
    return "–" if figures["leaving_out"] is None else _p(figures["leaving_out"]["cited"]["test"])


_LINES: dict[str, Any] = {
    "grounded": lambda f: _percent(f["grounded"]),
    "with a stored fact under the named relation": lambda f: _percent(
        f["evidence"]["pairs_with_evidence_under_the_named"]
    ),
    "cited facts that are stored (share of pairs)": lambda f: _percent(f["evidence"]["all_stored"]),
    "told twice, the same bytes": lambda f: _percent(f["stable"]),
    "score rebuilt, largest error": lambda f: f"{f['rebuilt_error']:.0e}",
    "rank falls, named against random masked: p": lambda f: _p(f["masking"]["rank_drop"]["test"]),
    "score falls, named against random masked: p": lambda f: _p(f["masking"]["score_drop"]["test"]),
    "score falls, cited against random item left out: p": _drop_test,
    "item in the list of the reference": lambda f: _percent(f["counterfactual"]["in_reference"]),
    "counterfactual found, of all pairs": lambda f: _percent(f["counterfactual"]["found"]),
    "counterfactual found, of those in the reference": lambda f: _percent(f["counterfactual"]["found_in_reference"]),
    "found ones verified": lambda f: _percent(f["counterfactual"]["verified"]),
    "found ones minimal": lambda f: _percent(f["counterfactual"]["minimal"]),
}


def _compared(rows: dict[str, Figures], decimals: int) -> str:
    header = ["", "named: mean", "median", "random: mean", "median", "pairs that differ", "named larger", "p"]
    return table(
        header,
        (
            [label]
            + [number(row[name], decimals) for name in _STATISTICS]
            + [str(row["test"]["pairs"]), str(row["test"]["positive"]), _p(row["test"])]
            for label, row in rows.items()
        ),
    )


_STATISTICS = ("named_mean", "named_median", "random_mean", "random_median")


def _masking(figures: Figures) -> str:
    masking = figures["all"]["masking"]
    return (
        "By how much rank and score fall when the named preference is masked, against a random other one.\n\n"
        + _compared({"ranks lost": masking["rank_drop"]}, 1)
        + "\n\n"
        + _compared({"score lost": masking["score_drop"]}, 4)
    )


def _alone(sufficiency: Figures) -> str:
    share = f"{_percent(sufficiency['named_in_list'])} by the named preference alone, "
    share += f"{_percent(sufficiency['random_in_list'])} by a random other one"
    return f"Still among the first ten: {share}.\n\n" + _compared({"rank": sufficiency}, 1)


def _leaving_out(figures: Figures | None) -> str:
    if figures is None:
        return "No pair cites a history item under the named relation."
    return (
        f"Of {figures['pairs']:,} pairs that cite a history item under the named relation: by how much the score falls "
        "without it, against a random other item of the history, each a difference of two fold-ins. The cited item is "
        "the one of at most three tied ones whose drop is largest; the mean of those three is told beside, which no "
        "choice flatters.\n\n"
        + _compared({"cited item": figures["cited"], "mean of the tied ones tried": figures["mean_of_tried"]}, 4)
    )


def _counterfactual(figures: Figures) -> str:
    rows = [[plain(reason), str(count)] for reason, count in figures["missing"].items()]
    sizes = f"Sets have {figures['median_size']} items in the median, {figures['largest_size']} at most."
    found = f"Found for {_percent(figures['found'])} of all pairs. " + (sizes if figures["median_size"] else "")
    return found + ("\n\nWhy not for the others:\n\n" + table(["reason", "pairs"], rows) if rows else "")


def _relations(figures: Figures) -> str:
    spread = figures["first_relations"]
    rows = [
        [
            *(plain(r["relation_id"]), str(r["pairs"]), _percent(r["grounded"]), _percent(r["with_evidence"])),
            *(number(r["mean_share"], 3), str(spread["people_by_relation"].get(r["relation_id"], 0))),
        ]
        for r in figures["all"]["relations"][:_LONGEST]
    ]
    header = ["named relation", "pairs", "grounded", "with evidence", "mean share", "people whose first it is"]
    return (
        f"Over {spread['people']:,} people, the first relation of the profile has an entropy of "
        f"{number(spread['entropy'], 2)} bits, of at most {number(spread['most_possible'], 2)}.\n\n"
        + table(header, rows)
    )


def _planted(planted: Figures) -> str:
    return (
        f"Of {planted['people']:,} people with a planted relation, it is the first of the profile for "
        f"{_percent(planted['profile'])}, and the most often named one of the first ten items for "
        f"{_percent(planted['lists'])}; it is named for {_percent(planted['pairs'])} of those items."
    )


def draw(figures: Figures, folder: Path) -> None:
    """Draw the plots; writes PNG and SVG.

    Raises:
        ReportError: matplotlib is not installed.
    """
    with new_figure(7, 3.6) as figure:
        axes = figure.subplots()
        names = ["all", *(f"seed {seed}" for seed in figures["seeds"])]
        parts = [figures["all"], *figures["by_seed"].values()]
        for shift, which, colour in ((-0.2, "named", VERMILLION), (0.2, "random", GREY)):
            means = [part["masking"]["rank_drop"][f"{which}_mean"] for part in parts]
            places = [place + shift for place in range(len(parts))]
            axes.bar(places, means, width=0.38, color=colour, label=f"{which} preference masked")
        axes.set_xticks(range(len(parts)), names)
        axes.set_ylabel("mean number of ranks lost")
        axes.legend(frameon=False)
        save(figure, folder, MASKING)
    with new_figure(7, 4.2) as figure:
        axes = figure.subplots()
        shown = list(_shown(figures))
        axes.barh(range(len(shown)), [people for _, people in shown], color=BLUE)
        axes.set_yticks(range(len(shown)), [name for name, _ in shown])
        axes.invert_yaxis()
        axes.set_xlabel("people whose first relation it is")
        save(figure, folder, RELATIONS)


def _shown(figures: Figures) -> Iterator[tuple[str, int]]:
    for relation_id, people in list(figures["first_relations"]["people_by_relation"].items())[:_LONGEST]:
        name = relation_id.rstrip("/#").rsplit("/", 1)[-1].rsplit("#", 1)[-1] or relation_id
        yield name[:40], people
