"""The two reports, from a suite to a directory: report.md with its plots, written whole or not at all."""

import json
from collections.abc import Callable
from pathlib import Path

from training.data.dataset import Dataset
from training.data.files import check_target, replace_directory
from training.data.indexed import IndexedDataset
from training.reports.baselines import Baselines, load_baselines
from training.reports.case.drawing import draw_case
from training.reports.case.study import case_study
from training.reports.case.text import Labels, case_text, case_values
from training.reports.figures.activity import activity_of, activity_table, draw_activity
from training.reports.figures.curves import all_curves, correlation_table, draw_curves
from training.reports.markdown import plain, table
from training.reports.published import NOTHING, Published, published_for
from training.reports.results import ReportError, Results, load_results
from training.reports.sections.alone import alone_section
from training.reports.sections.passes import passes_section
from training.reports.sections.runs import runs_section
from training.reports.sections.strict import strict_table
from training.reports.sections.tables import category_table, completion_table, recommendation_table

REPORT, BESIDE = "report.md", ("figure-*.png", "figure-*.svg", "case-study.*")
Say = Callable[[str], None]


def paper_report(dataset: Dataset, suite: Path, preset: str, out: Path, say: Say = lambda _: None) -> Path:
    """Make the tables and figures of the paper, with its own figures beside ours where it prints some.

    Raises:
        ReportError: there are no results, they may not stand in one table, or they are not of the paper's protocol.
        SuiteError: a result cannot be read.
        TargetExists: `out` holds anything else than a report.
    """
    check_target(out, overwrite=True, marker=REPORT, others=BESIDE)
    results, published = load_results(suite, preset, dataset), published_for(dataset.name)
    _check_protocol(results, "paper", "the paper's figures are of its own protocol")
    with replace_directory(out, overwrite=True, marker=REPORT, others=BESIDE) as folder:
        parts = [
            f"# {plain(dataset.name)}, paper protocol: the tables and figures of Cao et al., WWW 2019",
            _head(results, dataset),
            _statistics(dataset, published),
            f"## Table 2: recommendation, @{results.top_n}, percent\n\n{recommendation_table(results, published)}",
            f"## Table 3: completion by relation category, Hits@{results.top_n}, percent",
            "The paper gives this table for MovieLens alone." if published.title and not published.heads else "",
            *_categories(results, published),
            f"## Table 4: completion\n\n{completion_table(results, published)}",
            f"## Is the joint model better than its halves alone?\n\n{alone_section(results)}",
            passes_section(results, dataset),
            _activity(results, folder, say),
            _curves(results, published, folder, say),
            _case(results, dataset, folder, say),
            f"## Runs\n\n{runs_section(results)}",
        ]
        _write(folder, parts)
    return out / REPORT


def strict_report(dataset: Dataset, suite: Path, preset: str, baselines: Path, out: Path) -> Path:
    """Set our systems beside outside baselines, all under the strict protocol.

    Raises:
        ReportError: there are no results, they may not stand in one table, or they or the baselines are of another
            protocol, data set or list length.
        SuiteError: a result cannot be read.
        TargetExists: `out` holds anything else than a report.
    """
    check_target(out, overwrite=True, marker=REPORT, others=BESIDE)
    results, outside = load_results(suite, preset, dataset), load_baselines(baselines)
    _check_protocol(results, "strict", "outside baselines are measured under the strict protocol")
    _check_baselines(baselines, outside, results, dataset)
    parts = [
        f"# {plain(dataset.name)}, strict protocol: our systems beside outside baselines",
        _head(results, dataset),
        f"## Recommendation, @{results.top_n}, percent\n\n{strict_table(results, outside)}",
        f"## Completion\n\n{completion_table(results, NOTHING)}",
        f"## Completion by relation category, Hits@{results.top_n}, percent",
        *_categories(results, NOTHING),
        f"## Is the joint model better than its halves alone?\n\n{alone_section(results)}",
        passes_section(results, dataset),
        f"## Runs\n\n{runs_section(results)}",
    ]
    with replace_directory(out, overwrite=True, marker=REPORT, others=BESIDE) as folder:
        _write(folder, parts)
    return out / REPORT


def _check_protocol(results: Results, expected: str, reason: str) -> None:
    if results.protocol != expected:
        raise ReportError(
            f"{results.folder}: these results are of the {results.protocol} protocol, and {reason}; the two are never "
            f"mixed, so this report needs a suite with a preset of protocol {expected}"
        )


def _check_baselines(path: Path, baselines: Baselines, results: Results, dataset: Dataset) -> None:
    theirs, ours = baselines.data.content_hash, dataset.manifest.content_hash
    if theirs != ours:
        raise ReportError(
            f"{path} is of other data: {baselines.data.name} {theirs[:12]}, not {dataset.name} {ours[:12]}"
        )
    if baselines.top_n != results.top_n:
        raise ReportError(f"{path}: top_n is {baselines.top_n} there and {results.top_n} in {results.folder}")


_PROTOCOL = {
    "paper": "Paper protocol: negatives of training avoid validation and test positives too; a split is ranked against "
    "all items but those of the other splits; NDCG is normalised by the best order of the retrieved list; ranks count "
    "from 0. These figures say nothing about unseen data; the strict protocol does, and the two are never mixed.",
    "strict": "Strict protocol: negatives of training avoid training positives alone; test is ranked against all items "
    "but those of train and validation; NDCG is the standard one; ranks count from 1.",
}


def _head(results: Results, dataset: Dataset) -> str:
    return (
        f"Preset `{results.preset}`, test split; data `{dataset.manifest.content_hash}`. Ours: mean ± sample standard "
        f"deviation over the seeds named. {_PROTOCOL[results.protocol]} Completion is filtered by the facts of all "
        "splits, heads and tails pooled."
    )


def _statistics(dataset: Dataset, published: Published) -> str:
    if not published.statistics:
        return "The paper has no figures of a data set of this name; the tables hold ours alone."
    names = list(published.statistics)
    rows = [
        ["this data set", *(f"{dataset.manifest.counts[name]:,}" for name in names)],
        [f"*{published.title} in the paper*", *(f"*{published.statistics[name]:,}*" for name in names)],
    ]
    return f"## Table 1: the data\n\n{table(['', *names], rows)}"


def _categories(results: Results, published: Published) -> list[str]:
    return [
        "Categories: tails for a head and heads for a tail, on average over the facts of all splits, “N” from 1.5 on.",
        f"### Heads\n\n{category_table(results, published, 'head')}",
        f"### Tails\n\n{category_table(results, published, 'tail')}",
    ]


def _activity(results: Results, folder: Path, say: Say) -> str:
    title = "## Figure 4: F1 by activity of users"
    say("Figure 4")
    activity = activity_of(results)
    if activity is None:
        return f"{title}\n\nNo system of this suite recommends."
    draw_activity(activity, folder, "figure-4")
    return (
        f"{title}\n\n![F1 by activity of users](figure-4.png)\n\n([SVG](figure-4.svg)) Test users from the least "
        "active group to the most active one, F1 in percent, mean over the seeds of each system. Groups are balanced "
        "by the mean of their share of users and of training interactions; users with equal numbers stay together. "
        f"Dashed lines: systems without a graph.\n\n{activity_table(activity)}"
    )


def _curves(results: Results, published: Published, folder: Path, say: Say) -> str:
    title = "## Figure 5: the two tasks while training"
    say("Figure 5")
    curves = all_curves(results)
    if not curves:
        return f"{title}\n\nNo run of this suite validated both tasks."
    draw_curves(curves, folder, "figure-5")
    return (
        f"{title}\n\n![Validation of both tasks over epochs](figure-5.png)\n\n([SVG](figure-5.svg)) Validation, F1 of "
        "the lists and hit ratio of the facts; each axis spans its own curve, so both have the same magnitude. rho is "
        f"Pearson's, over the validated epochs.\n\n{correlation_table(curves, published)}"
    )


def _case(results: Results, dataset: Dataset, folder: Path, say: Say) -> str:
    title = "## Case study (section 6.7)"
    say("case study")
    case = case_study(results, IndexedDataset.of(dataset))
    if case is None:
        return f"{title}\n\nThis suite has no checkpoint of KTUP (soft)."
    labels = Labels(dataset)
    (folder / "case-study.json").write_text(json.dumps(case_values(case), indent=2, ensure_ascii=False), "utf-8")
    picture = "No reason is grounded, so there is nothing to draw."
    if draw_case(case, labels, folder, "case-study"):
        picture = (
            "![History, stored facts, recommended items](case-study.png)\n\n([SVG](case-study.svg), "
            "[ids of every fact](case-study.json)) The best grounded items, at most four, with at most two ties each; "
            "arrows go from head to tail."
        )
    return f"{title}\n\n{picture}\n\n{case_text(case, labels)}"


def _write(folder: Path, parts: list[str]) -> None:
    (folder / REPORT).write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
