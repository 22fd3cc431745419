"""Which facts the model finds: hit ratio of heads and of tails by relation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.batches import sample
from training.evaluation.completion import evaluate_completion
from training.evaluation.rank_metrics import summary
from training.reports.figures.style import BLUE, SKY, new_figure, one_sided, save
from training.reports.markdown import number
from training.reports.run.finished import FinishedRun
from training.reports.run.html import Grid, Picture, Section

RELATIONS, SHOWN = "relations", 20


@dataclass(frozen=True)
class OfRelation:
    """One relation: facts ranked, hit ratio of heads and of tails in percent, reciprocal rank of both, in percent."""

    name: str
    facts: int
    heads: float
    tails: float
    mrr: float


def by_relation(run: FinishedRun) -> list[OfRelation] | None:
    """Rank the facts that validation ranks, relation by relation, the most frequent first.

    None where the model ranks no facts, or the split has none.
    """
    model, settings = run.checkpoint.model, run.settings
    triples = sample(run.indexed.triples[run.split], settings["validation"]["triples"], settings["seed"])
    if not hasattr(model, "score_triples") or not len(triples):
        return None
    ranks = evaluate_completion(model, triples, run.indexed.settled, run.device)
    found = []
    for relation in np.unique(triples[:, 1]).tolist():
        own = triples[:, 1] == relation
        heads, tails = (summary(side[own], run.top_n) for side in (ranks.head_ranks, ranks.tail_ranks))
        name = run.labels.relation(run.indexed.relations.id(relation))
        mrr = 50 * (heads["mrr"] + tails["mrr"])
        found.append(OfRelation(name, int(own.sum()), 100 * heads["hits"], 100 * tails["hits"], mrr))
    return sorted(found, key=lambda one: (-one.facts, one.name))


def relations_section(run: FinishedRun, pictures: Path) -> Section:
    """Draw and tell the relations."""
    found, title = by_relation(run), "Facts by relation"
    if found is None:
        return Section(title, [f"No facts to rank: {run.checkpoint.model_name} ranks none, or {run.split} has none."])
    shown = found[:SHOWN]
    _draw(shown, run.top_n, pictures)
    told = [f"{r.name}: heads {number(r.heads, 1)}, tails {number(r.tails, 1)}" for r in shown]
    alt = f"Hits@{run.top_n} in percent by relation, the most frequent first. {'; '.join(told)}."
    caption = f"{sum(r.facts for r in found):,} facts of {run.split}, ranked among all entities, known facts left out."
    rows = [[r.name, f"{r.facts:,}", *(number(x, 2) for x in (r.heads, r.tails, r.mrr))] for r in shown]
    header = ["relation", "facts", f"Hits@{run.top_n}, heads", f"Hits@{run.top_n}, tails", "MRR"]
    rest = [f"{len(found) - SHOWN} rarer relations are left out."] if len(found) > SHOWN else []
    return Section(title, [Picture(RELATIONS, alt, caption), Grid("Facts by relation, percent", header, rows), *rest])


def _draw(shown: list[OfRelation], top_n: int, pictures: Path) -> None:
    places = np.arange(len(shown))
    with new_figure(9, 1.4 + 0.34 * len(shown)) as figure:
        axes = figure.subplots()
        one_sided(axes)
        for shift, colour, label, values in (
            (-0.19, BLUE, "tails", [r.tails for r in shown]),
            (0.19, SKY, "heads", [r.heads for r in shown]),
        ):
            axes.barh(places + shift, values, height=0.36, color=colour, label=label)
        axes.set_yticks(places, [f"{r.name[:40]} ({r.facts:,})" for r in shown])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel(f"Hits@{top_n}, percent (number of facts in brackets)")
        figure.legend(loc="outside upper right", frameon=False, ncols=2)
        save(figure, pictures, RELATIONS)
