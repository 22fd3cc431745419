"""The case study as a small graph: history on the left, stored facts between, recommended items on the right."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from training.reports.case.facts import Tie
from training.reports.case.study import CaseStudy
from training.reports.case.text import Labels
from training.reports.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ITEMS = 5
_COLOURS = (VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY)
_STYLES = ("-", "--", "-.", ":")
_X = {"history": 0.0, "fact": 1.0, "item": 2.0}
_HALF_WIDTH, _ROW = 0.33, 0.62
Node = tuple[str, str]


@dataclass
class Graph:
    """Columns of nodes (kind and id) from top to bottom, their texts, and edges that carry a relation."""

    columns: dict[str, list[Node]] = field(default_factory=lambda: {kind: [] for kind in _X})
    texts: dict[Node, str] = field(default_factory=dict)
    edges: list[tuple[Node, Node, str]] = field(default_factory=list)

    def node(self, kind: str, key: str, text: str) -> Node:
        """Add a node unless it is there."""
        node = (kind, key)
        if node not in self.texts:
            self.columns[kind].append(node)
            self.texts[node] = text
        return node

    def edge(self, head: Node, tail: Node, relation: str) -> None:
        """Add the edge of a fact unless it is there."""
        if (head, tail, relation) not in self.edges:
            self.edges.append((head, tail, relation))

    def neighbours(self, node: Node) -> list[Node]:
        """Give the nodes at the other ends of a node's edges."""
        return [b if a == node else a for a, b, _ in self.edges if node in (a, b)]

    @property
    def relations(self) -> list[str]:
        """The relations in the order of their first edge."""
        return list(dict.fromkeys(relation for _, _, relation in self.edges))


def graph_of(case: CaseStudy, labels: Labels) -> Graph:
    """Gather the best grounded items, at most five, with their ties; empty where no reason is grounded."""
    graph = Graph()
    for item in [item for item in case.recommended if item.grounded][:MOST_ITEMS]:
        for tie in item.ties:
            _add(graph, item.item_id, tie, labels)
    _untangle(graph)
    return graph


def _add(graph: Graph, item_id: str, tie: Tie, labels: Labels) -> None:
    """Add a tie: two facts that meet in an entity, or one fact between the items."""
    relation = labels.relation(tie.relation_id)
    left = graph.node("history", tie.history_item, labels.item(tie.history_item))
    right = graph.node("item", item_id, labels.item(item_id))
    if tie.entity_id is None:
        towards_item = tie.facts[0][2] == tie.item_entity_id
        graph.edge(*((left, right) if towards_item else (right, left)), relation)
        return
    middle = graph.node("fact", f"{tie.relation_id} {tie.entity_id}", labels.entity(tie.entity_id))
    for end in (left, right):
        graph.edge(*((end, middle) if tie.facts[0][2] == tie.entity_id else (middle, end)), relation)


def _untangle(graph: Graph) -> None:
    """Put each node near the mean height of what it is tied to on its right, so that fewer edges cross."""
    for kind in ("fact", "history"):
        height = {node: place for nodes in graph.columns.values() for place, node in enumerate(nodes)}
        ends = {
            node: [height[other] for other in graph.neighbours(node) if _X[other[0]] > _X[kind]]
            for node in graph.columns[kind]
        }
        graph.columns[kind].sort(key=lambda node: sum(ends[node]) / len(ends[node]))


def draw_case(case: CaseStudy, labels: Labels, folder: Path, name: str) -> bool:
    """Write name.png and name.svg; False, and nothing written, where no reason is grounded."""
    graph = graph_of(case, labels)
    if not graph.edges:
        return False
    rows = max(len(nodes) for nodes in graph.columns.values())
    with new_figure(10.5, 1.5 + _ROW * rows) as figure:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(-_HALF_WIDTH - 0.02, 2 + _HALF_WIDTH + 0.02)
        axes.set_ylim(-0.6, rows + 0.1)
        places = _places(graph, rows)
        _draw_edges(axes, graph, places)
        for node, (x, y) in places.items():
            _draw_node(axes, node[0], graph.texts[node], x, y)
        for kind, title in (("history", "history"), ("fact", "facts stored in train"), ("item", "recommended")):
            axes.text(_X[kind], rows - 0.1, title, ha="center", va="center", fontsize=11, fontweight="bold")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=4, frameon=False, handlelength=3.2)
        save(figure, folder, name)
    return True


def _places(graph: Graph, rows: int) -> dict[Node, tuple[float, float]]:
    """Spread each column over the height."""
    places = {}
    for kind, nodes in graph.columns.items():
        step = (rows - 0.4) / max(1, len(nodes))
        for k, node in enumerate(nodes):
            places[node] = (_X[kind], rows - 0.6 - step * (k + 0.5))
    return places


def _draw_edges(axes: "Axes", graph: Graph, places: dict[Node, tuple[float, float]]) -> None:
    """Draw each fact as an arrow from head to tail, in the colour and dashes of its relation."""
    looks = {name: (_COLOURS[k % len(_COLOURS)], _STYLES[k % len(_STYLES)]) for k, name in enumerate(graph.relations)}
    for relation, (colour, style) in looks.items():
        axes.plot([], [], color=colour, linestyle=style, linewidth=1.6, label=relation)
    for head, tail, relation in graph.edges:
        colour, style = looks[relation]
        (x0, y0), (x1, y1) = places[head], places[tail]
        side = _HALF_WIDTH if x0 < x1 else -_HALF_WIDTH
        line = {"color": colour, "linestyle": style, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x1 - side, y1), (x0 + side, y0), arrowprops={"arrowstyle": "-|>", **line}, zorder=1)


def _draw_node(axes: "Axes", kind: str, text: str, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    fill = {"history": "#f2f2f2", "fact": "white", "item": "#fff3e6"}[kind]
    rounding = 0.12 if kind == "fact" else 0.02
    box = FancyBboxPatch(
        *((x - _HALF_WIDTH, y - 0.36), 2 * _HALF_WIDTH, 0.72),
        boxstyle=f"round,pad=0,rounding_size={rounding}",
        mutation_aspect=3,
        facecolor=fill,
        edgecolor=GREY,
        zorder=2,
    )
    axes.add_patch(box)
    axes.text(x, y, "\n".join(_lines(text)), ha="center", va="center", fontsize=9, color=INK, zorder=3)


def _lines(text: str) -> Sequence[str]:
    """Break a text into at most two lines that fit into a box."""
    return textwrap.wrap(text, width=34, max_lines=2, placeholder=" …") or [text]
