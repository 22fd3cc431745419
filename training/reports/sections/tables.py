"""Tables 2 to 4: ours, with the paper's figure beside each, and a line for each system that says which is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.evaluation.completion import Category
from training.reports.markdown import listed, number, plain, table
from training.reports.metrics import HITS, MEAN_RANK, MRR, RECOMMENDATION, Metric
from training.reports.published import NAMES, TABLE_3_CATEGORIES, Published, Row, name_of
from training.reports.results import Results
from training.reports.statistics import OverSeeds, over_seeds
from training.suite.result import Side

Ours = Mapping[str, OverSeeds | None]


@dataclass(frozen=True)
class Column:
    """One of our figures, by a key of its own, and the place of the paper's figure in its row; None: it has none."""

    key: str
    metric: Metric
    title: str
    place: int | None = None


def recommendation_table(results: Results, published: Published) -> str:
    """Make Table 2."""
    columns = [Column(m.name, m, m.title, place) for place, m in enumerate(RECOMMENDATION)]
    return _section(results, columns, published.recommendation, _whole(results, columns), "recommend nothing")


def completion_table(results: Results, published: Published) -> str:
    """Make Table 4, with the mean reciprocal rank besides."""
    metrics = ((HITS, 0), (MEAN_RANK, 1), (MRR, None))
    columns = [Column(m.name, m, m.title, place) for m, place in metrics]
    return _section(results, columns, published.completion, _whole(results, columns), "complete no facts")


def category_table(results: Results, published: Published, side: Side) -> str:
    """Make one half of Table 3: Hits@10 of heads or of tails, by relation category."""
    columns = [Column(category, HITS, category, place) for place, category in enumerate(TABLE_3_CATEGORIES)]
    ours = {system: _by_category(results, system, side) for system in results.runs}
    rows = published.heads if side == "head" else published.tails
    return _section(results, columns, rows, ours, "complete no facts")


def _whole(results: Results, columns: Sequence[Column]) -> dict[str, Ours]:
    return {system: {c.key: c.metric.over(results.of(system)) for c in columns} for system in results.runs}


def _by_category(results: Results, system: str, side: Side) -> Ours:
    found: dict[str, OverSeeds | None] = {}
    for category in TABLE_3_CATEGORIES:
        values = [_hits(run.test.completion_by_category, category, side) for run in results.of(system)]
        present = [value for value in values if value is not None]
        found[category] = over_seeds(present) if present else None
    return found


def _hits(
    categories: Mapping[Category, Mapping[Side, Mapping[str, float]]] | None, category: Category, side: Side
) -> float | None:
    of_category = (categories or {}).get(category)
    return None if of_category is None else HITS.scale * of_category[side][HITS.name]


def _section(
    results: Results, columns: Sequence[Column], paper: Mapping[str, Row], ours: Mapping[str, Ours], cannot: str
) -> str:
    """Put table, notes on missing systems, and comparison one below the other."""
    able = [system for system in ours if any(value is not None for value in ours[system].values())]
    rows = [name for name in NAMES if name in paper or name in able] + [name for name in able if name not in NAMES]
    parts = [_table(results, columns, paper, ours, rows), _note(rows, able)]
    if paper:
        parts.append("\n".join(_line(s, columns, paper[s], ours[s]) for s in rows if s in able and s in paper))
    return "\n\n".join(part for part in parts if part) if rows else f"The systems of this suite {cannot}."


def _table(
    results: Results,
    columns: Sequence[Column],
    paper: Mapping[str, Row],
    ours: Mapping[str, Ours],
    rows: Sequence[str],
) -> str:
    beside = [bool(paper) and column.place is not None for column in columns]
    header = ["System", "Seeds"]
    for column, has_paper in zip(columns, beside, strict=True):
        header += [column.title, "*paper*"] if has_paper else [column.title]
    cells = [
        [plain(name_of(system)), ", ".join(str(run.seed) for run in results.of(system))]
        + [
            cell
            for column, has_paper in zip(columns, beside, strict=True)
            for cell in _cells(column, ours.get(system, {}), paper.get(system), has_paper)
        ]
        for system in rows
    ]
    return table(header, cells)


def _cells(column: Column, ours: Ours, paper: Row | None, has_paper: bool) -> list[str]:
    value = ours.get(column.key)
    own = "" if value is None else column.metric.spelt(value)
    if not has_paper:
        return [own]
    return [own, "" if paper is None or column.place is None else f"*{_printed(column.metric, paper[column.place])}*"]


def _printed(metric: Metric, value: float) -> str:
    """Spell a figure of the paper as the paper does: ranks without decimals."""
    return number(value, 2 if metric.share else 0)


def _note(rows: Sequence[str], able: Sequence[str]) -> str:
    missing = [plain(name_of(system)) for system in rows if system not in able]
    return f"Empty cells: this suite has no result of {listed(missing)}." if missing else ""


def _line(system: str, columns: Sequence[Column], paper: Row, ours: Ours) -> str:
    """Say on which metrics our mean, as it is shown, is better than the paper's figure, and by how much."""
    groups: dict[str, list[str]] = {"better": [], "worse": [], "equal": []}
    for column in columns:
        value = ours[column.key]
        if value is None or column.place is None:
            continue
        metric = column.metric
        difference = round(value.mean - paper[column.place], metric.decimals)
        better = difference > 0 if metric.higher_is_better else difference < 0
        word = "equal" if difference == 0 else "better" if better else "worse"
        amount = "" if word == "equal" else f" {metric.spelt_one(difference, signed=True)}"
        groups[word].append(f"{column.title}{amount}")
    told = "; ".join(f"{word} in {', '.join(found)}" for word, found in groups.items() if found)
    return f"- **{plain(name_of(system))}**, ours against the paper's: {told}."
