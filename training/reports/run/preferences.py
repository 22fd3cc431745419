"""Which preferences carry the lists: each relation's share in what is recommended, beside its share of the graph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.retrieval.ranking import RowLists, top_n
from training.reports.figures.style import INK, VERMILLION, new_figure, one_sided, save
from training.reports.markdown import number
from training.reports.run.finished import FinishedRun
from training.reports.run.html import Grid, Picture, Section

PREFERENCES, PEOPLE, SHOWN = "preferences", 500, 20
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Usage:
    """(P,) preferences by mean share, largest first: names, mean share of |weight|, share of pairs where it is first,
    and, where preferences are relations, share of the training facts; all in percent."""

    names: list[str]
    share: Floats
    first: Floats
    facts: Floats | None
    people: int


@torch.no_grad()
def usage_of(run: FinishedRun) -> Usage | None:
    """Read off the weights of the first items of up to PEOPLE users.

    None for a model without preferences, and where nobody has an item left to recommend.
    """
    model = run.checkpoint.model
    if not hasattr(model, "preference_weights"):
        return None
    n_users = len(run.indexed.users)
    users = np.sort(np.random.default_rng(0).permutation(n_users)[:PEOPLE]).astype(np.int64)
    met = RowLists.of_pairs(run.learnt.interactions["train"], n_users)
    lists = top_n(model, users, run.top_n, met, run.device)
    owners, places = np.nonzero(lists >= 0)
    if not len(owners):
        return None
    pairs = (torch.from_numpy(rows).to(run.device) for rows in (users[owners], lists[owners, places]))
    sizes = model.preference_weights(*pairs).abs().to("cpu", torch.float64).numpy()
    shares = sizes / np.maximum(sizes.sum(1, keepdims=True), 1e-12)
    share, first = shares.mean(0), np.bincount(shares.argmax(1), minlength=shares.shape[1]) / len(shares)
    order = np.argsort(-share, kind="stable")
    names, facts = _names(run, shares.shape[1])
    of_facts = None if facts is None else 100 * facts[order]
    return Usage([names[k] for k in order], 100 * share[order], 100 * first[order], of_facts, len(users))


def _names(run: FinishedRun, n: int) -> tuple[list[str], Floats | None]:
    """Name preferences by their relations where the model aligns them, else by number."""
    if not hasattr(run.checkpoint.model, "score_triples"):
        return [f"preference {k + 1}" for k in range(n)], None
    counts = np.bincount(run.learnt.triples["train"][:, 1], minlength=n)
    return [run.labels.relation(relation) for relation in run.indexed.relations.ids], counts / max(1, counts.sum())


def preferences_section(run: FinishedRun, pictures: Path) -> Section:
    """Draw and tell the usage."""
    usage, title = usage_of(run), "Which preferences carry the lists"
    if usage is None:
        able = hasattr(run.checkpoint.model, "preference_weights")
        why = "nobody has an item left to recommend" if able else f"{run.checkpoint.model_name} induces no preferences"
        return Section(title, [f"None: {why}."])
    _draw(usage, pictures)
    told = [f"{name} {number(share, 1)}" for name, share in zip(usage.names[:SHOWN], usage.share, strict=False)]
    alt = f"Mean share of each preference in the first {run.top_n} items, percent: {', '.join(told)}."
    caption = (
        f"Mean share of |weight| over the first {run.top_n} items of {usage.people:,} people (bars). "
        + ("" if usage.facts is None else "Diamonds: the relation's share of the training facts; a bar far from its "
           "diamond is a relation that weighs more, or less, than its frequency. ")
        + "One bar near 100 means that every reason is the same."
    )  # fmt: skip
    header = ["preference", "mean share", "is first", *([] if usage.facts is None else ["share of facts"])]
    rows = [
        [name, number(usage.share[k], 1), number(usage.first[k], 1)]
        + ([] if usage.facts is None else [number(usage.facts[k], 1)])
        for k, name in enumerate(usage.names[:SHOWN])
    ]
    return Section(title, [Picture(PREFERENCES, alt, caption), Grid("Preferences, percent", header, rows)])


def _draw(usage: Usage, pictures: Path) -> None:
    n = min(SHOWN, len(usage.names))
    places = np.arange(n)
    with new_figure(9, 1.3 + 0.3 * n) as figure:
        axes = figure.subplots()
        one_sided(axes)
        axes.barh(places, usage.share[:n], color=VERMILLION, height=0.62, label="share of the lists' weights")
        if usage.facts is not None:
            axes.plot(
                usage.facts[:n],
                places,
                "D",
                color=INK,
                markeredgecolor="white",
                markersize=8,
                clip_on=False,
                label="share of the training facts",
            )
        axes.set_yticks(places, [name[:40] for name in usage.names[:n]])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.set_xlabel("percent")
        figure.legend(loc="outside upper right", frameon=False, ncols=2)
        save(figure, pictures, PREFERENCES)
