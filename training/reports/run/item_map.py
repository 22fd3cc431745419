"""A map of the items: their vectors on the two directions in which they differ most, coloured by a value of the graph.

The projection is principal components: with X the (n, d) vectors less their mean and X = U S V', the map is the first
two columns of U S, which keep (s1^2 + s2^2) / sum s^2 of the variance.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

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
from training.reports.run.html import Picture, Section

MAP, MOST_ITEMS = "items", 5000
_COLOURS = ((VERMILLION, "o"), (BLUE, "s"), (GREEN, "^"), (ORANGE, "D"), (PURPLE, "P"), (SKY, "v"))
Floats = NDArray[np.float64]


def projected(vectors: Floats) -> tuple[Floats, float]:
    """Give the (n, 2) map of (n, d) vectors, and the share of the variance that it keeps.

    The sign of a direction is free: the entry of largest size in each column of V is made positive.

    >>> places, kept = projected(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]))
    >>> places[:, 0].tolist(), kept
    ([-2.0, 0.0, 2.0], 1.0)
    """
    left, sizes, right = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])
    squares = sizes**2
    total = float(squares.sum())
    kept = float(squares[:2].sum()) / total if total > 0 else 1.0
    places = np.zeros((len(vectors), 2))
    width = min(2, len(sizes))
    places[:, :width] = (left * sizes * signs)[:, :width]
    return places, kept


@dataclass(frozen=True)
class Colouring:
    """The relation that colours the map, and each item's commonest value of it, None where the item has none."""

    relation: str
    values: list[str | None]


def colouring_of(run: FinishedRun, places: Floats) -> Colouring | None:
    """Choose a relation and give each item its value, of several the one that most items have.

    A relation named genre, if there is one; else the one whose colours explain most of where the items lie on the
    (n_items, 2) map. None where no fact starts at an item.
    """
    values_of = _values_by_relation(run)
    if not values_of:
        return None
    names = {relation: run.labels.relation(run.indexed.relations.id(relation)) for relation in values_of}
    chosen = {relation: _commonest(values, len(places)) for relation, values in values_of.items()}
    relation = max(names, key=lambda r: (names[r].lower().endswith("genre"), explained(chosen[r], places), -r))
    entities = run.indexed.entities
    spelt = [None if value is None else run.labels.entity(entities.id(value)) for value in chosen[relation]]
    return Colouring(names[relation], spelt)


def _values_by_relation(run: FinishedRun) -> dict[int, dict[int, list[int]]]:
    """Give relation -> item -> the tails of the training facts that start at its entity."""
    items_of: dict[int, list[int]] = {}
    for item, entity in enumerate(run.indexed.alignment.tolist()):
        if entity >= 0:
            items_of.setdefault(entity, []).append(item)
    found: dict[int, dict[int, list[int]]] = {}
    for head, relation, tail in run.learnt.triples["train"].tolist():
        for item in items_of.get(head, ()):
            found.setdefault(relation, {}).setdefault(item, []).append(tail)
    return found


def _commonest(values: dict[int, list[int]], n_items: int) -> list[int | None]:
    """Give each item its commonest value, None where it has none."""
    counts = Counter(tail for tails in values.values() for tail in tails)
    return [max(values.get(item, ()), key=lambda v: (counts[v], -v), default=None) for item in range(n_items)]


def explained(values: Sequence[int | str | None], places: Floats) -> float:
    """Give the share of the variance of (n, 2) places that lies between the colours: six values, and the rest.

    >>> explained([1, 1, 2], np.array([[0.0, 0.0], [0.0, 0.0], [3.0, 0.0]]))
    1.0
    """
    shown = [value for value, _ in Counter(v for v in values if v is not None).most_common(len(_COLOURS))]
    group = np.array([shown.index(value) if value in shown else len(shown) for value in values])
    sizes = np.bincount(group)
    centres = np.stack([np.bincount(group, axis) for axis in places.T], 1) / np.maximum(sizes, 1)[:, None]
    total = float(((places - places.mean(0)) ** 2).sum())
    between = float((sizes * ((centres - places.mean(0)) ** 2).sum(1)).sum())
    return between / total if total > 0 else 0.0


@torch.no_grad()
def item_vectors(run: FinishedRun) -> Floats | None:
    """Give the (n, d) vectors by which items are scored; None for a model without items."""
    model = run.checkpoint.model
    if not hasattr(model, "items"):
        return None
    vectors = model.item_vectors() if hasattr(model, "item_vectors") else model.items
    found: Floats = vectors.detach().to("cpu", torch.float64).numpy()
    return found


def map_section(run: FinishedRun, pictures: Path) -> Section:
    """Draw and tell the map."""
    vectors, title = item_vectors(run), "A map of the items"
    if vectors is None or len(vectors) < 3:
        return Section(title, [f"{run.checkpoint.model_name} has no vectors of items here."])
    places, kept = projected(vectors)
    colouring = colouring_of(run, places)
    chosen = np.sort(np.random.default_rng(0).permutation(len(vectors))[:MOST_ITEMS])
    places, values = places[chosen], [colouring.values[k] if colouring else None for k in chosen.tolist()]
    share = explained(values, places)
    counts = Counter(value for value in values if value is not None)
    shown = [value for value, _ in counts.most_common(len(_COLOURS))]
    _draw(places, values, shown, colouring, pictures)
    by = "uncoloured" if colouring is None else f"coloured by {colouring.relation}"
    told = ", ".join(f"{value} {counts[value]:,}" for value in shown)
    spread = "" if not shown else f" Items by colour: {told}. {_apart(places, values, shown)}"
    alt = f"{len(chosen):,} items on their first two principal components, {by}.{spread}"
    caption = (
        f"Principal components of the vectors by which items are scored; they keep {number(100 * kept, 1)} % of the "
        f"variance. Near items are scored alike. {by.capitalize()}; an item with several values has the commonest; the "
        f"colours explain {number(100 * share, 1)} % of where the items lie."
    )
    return Section(title, [Picture(MAP, alt, caption)])


def _apart(places: Floats, values: list[str | None], shown: list[str]) -> str:
    """Tell in words which colour lies farthest out: a map that only eyes can read is none."""
    spread = float(np.sqrt((places**2).sum(1).mean())) or 1.0
    far = {value: float(np.linalg.norm(places[[v == value for v in values]].mean(0))) / spread for value in shown}
    value = max(far, key=lambda name: far[name])
    return f"Farthest from the middle lies {value}: {number(far[value], 1)} times the spread of all items."


def _draw(
    places: Floats, values: list[str | None], shown: list[str], colouring: Colouring | None, pictures: Path
) -> None:
    with new_figure(9, 6) as figure:
        axes = figure.subplots()
        one_sided(axes)
        size = 26 if len(places) < 1000 else 12
        rest = np.array([value not in shown for value in values], dtype=bool)
        label = "all items" if colouring is None else "another, or none"
        x, y = places[rest].T
        axes.scatter(x, y, s=size * 0.7, color=GREY, alpha=0.35, linewidths=0, label=label)
        for value, (colour, marker) in zip(shown, _COLOURS, strict=False):
            x, y = places[np.array([v == value for v in values], dtype=bool)].T
            axes.scatter(x, y, s=size, color=colour, marker=marker, alpha=0.8, linewidths=0, label=value[:30])
        axes.set_xlabel("first component")
        axes.set_ylabel("second component")
        axes.set_aspect("equal", adjustable="datalim")
        title = None if colouring is None else colouring.relation
        figure.legend(loc="outside right upper", frameon=False, title=title, markerscale=1.4, alignment="left")
        save(figure, pictures, MAP)
