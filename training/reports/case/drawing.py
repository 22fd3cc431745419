"""The case study as a small graph: history on the left, stored facts between, recommended items on the right."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from training.reports.case.facts import Tie
from training.reports.case.study import CaseStudy
from training.reports.case.text import Labels
from training.reports.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ITEMS = 4
_COLOURS = (VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY)
_STYLES = ("-", "--", "-.", ":")
Kind = Literal["history", "entity", "fact", "item"]
_X: Mapping[Kind, float] = {"history": 0.0, "entity": 1.0, "fact": 1.0, "item": 2.0}
_FILLS: Mapping[Kind, str] = {"history": "#f2f2f2", "entity": "white", "item": "#fff3e6"}
_HALF_WIDTH, _ROW = 0.33, 0.62


@dataclass(frozen=True)
class Node:
    """A box, or the words of a fact that joins two items without an entity between; `key` tells it from others."""

    kind: Kind
    key: str


@dataclass(frozen=True)
class Edge:
    """A line that carries a relation; its arrow, if it has one, points to the fact's tail."""

    start: Node
    end: Node
    relation: str
    arrow: bool = True


@dataclass
class Graph:
    """Nodes of the three columns from top to bottom, with their texts, and edges."""

    columns: dict[float, list[Node]] = field(default_factory=lambda: {x: [] for x in sorted(set(_X.values()))})
    texts: dict[Node, str] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def node(self, kind: Kind, key: str, text: str) -> Node:
        """Add a node unless it is there."""
        node = Node(kind, key)
        if node not in self.texts:
            self.columns[_X[kind]].append(node)
            self.texts[node] = text
        return node

    def edge(self, edge: Edge) -> None:
        """Add an edge unless it is there."""
        if edge not in self.edges:
            self.edges.append(edge)

    def right_of(self, node: Node) -> list[Node]:
        """Give the nodes on the right that a node is joined to."""
        ends = [edge.end if edge.start == node else edge.start for edge in self.edges if node in (edge.start, edge.end)]
        return [end for end in ends if _X[end.kind] > _X[node.kind]]

    @property
    def relations(self) -> list[str]:
        """The relations in the order of their first edge."""
        return list(dict.fromkeys(edge.relation for edge in self.edges))


def graph_of(case: CaseStudy, labels: Labels) -> Graph:
    """Gather the best grounded items, at most four, with their ties; empty where no reason is grounded."""
    graph = Graph()
    for item in [item for item in case.recommended if item.grounded][:MOST_ITEMS]:
        for tie in item.ties:
            _add(graph, item.item_id, tie, labels)
    for x in (1.0, 0.0):
        _untangle(graph, x)
    return graph


def _add(graph: Graph, item_id: str, tie: Tie, labels: Labels) -> None:
    """Add a tie: two facts that meet in an entity, or one fact between the items."""
    relation, (head, _, tail) = labels.relation(tie.relation_id), tie.facts[0]
    left = graph.node("history", tie.history_item, labels.item(tie.history_item))
    right = graph.node("item", item_id, labels.item(item_id))
    if tie.entity_id is None:
        start, end = (left, right) if tail == tie.item_entity_id else (right, left)
        between = graph.node("fact", f"{head} {tie.relation_id} {tail}", relation)
        graph.edge(Edge(start, between, relation, arrow=False))
        graph.edge(Edge(between, end, relation))
        return
    entity = graph.node("entity", f"{tie.relation_id} {tie.entity_id}", labels.entity(tie.entity_id))
    for item in (left, right):
        graph.edge(Edge(item, entity, relation) if tail == tie.entity_id else Edge(entity, item, relation))


def _untangle(graph: Graph, x: float) -> None:
    """Put the nodes of a column near the mean height of what is joined to them on their right: fewer edges cross."""
    height = {node: place / len(nodes) for nodes in graph.columns.values() for place, node in enumerate(nodes)}
    right = {node: [height[end] for end in graph.right_of(node)] for node in graph.columns[x]}
    graph.columns[x].sort(key=lambda node: sum(right[node]) / len(right[node]))


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
            _draw_node(axes, node, graph.texts[node], x, y)
        for x, title in enumerate(("history", "facts stored in train", "recommended")):
            axes.text(x, rows - 0.1, title, ha="center", va="center", fontsize=11, fontweight="bold")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=4, frameon=False, handlelength=3.2)
        save(figure, folder, name)
    return True


def _places(graph: Graph, rows: int) -> dict[Node, tuple[float, float]]:
    """Spread each column over the height."""
    places: dict[Node, tuple[float, float]] = {}
    for x, nodes in graph.columns.items():
        step = (rows - 0.4) / max(1, len(nodes))
        places |= {node: (x, rows - 0.6 - step * (k + 0.5)) for k, node in enumerate(nodes)}
    return places


def _draw_edges(axes: "Axes", graph: Graph, places: Mapping[Node, tuple[float, float]]) -> None:
    """Draw each edge in the colour and dashes of its relation."""
    looks = {name: (_COLOURS[k % len(_COLOURS)], _STYLES[k % len(_STYLES)]) for k, name in enumerate(graph.relations)}
    for relation, (colour, style) in looks.items():
        axes.plot([], [], color=colour, linestyle=style, linewidth=1.6, label=relation)
    for edge in graph.edges:
        colour, style = looks[edge.relation]
        (x0, y0), (x1, y1) = places[edge.start], places[edge.end]
        side = _HALF_WIDTH if x0 < x1 else -_HALF_WIDTH
        line = {"color": colour, "linestyle": style, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
        head = {"arrowstyle": "-|>" if edge.arrow else "-"}
        axes.annotate("", (x1 - side, y1), (x0 + side, y0), arrowprops={**head, **line}, zorder=1)
        if "fact" in (edge.start.kind, edge.end.kind):  # the line goes on under the words
            x, y = places[edge.start if edge.start.kind == "fact" else edge.end]
            axes.plot(
                [x - _HALF_WIDTH, x + _HALF_WIDTH], [y, y], color=colour, linestyle=style, linewidth=1.6, zorder=1
            )


def _draw_node(axes: "Axes", node: Node, text: str, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    if node.kind == "fact":
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2.5}
        axes.text(x, y, text, ha="center", va="center", fontsize=9, fontstyle="italic", color=INK, bbox=box, zorder=3)
        return
    rounding = 0.12 if node.kind == "entity" else 0.02
    box_patch = FancyBboxPatch(
        *((x - _HALF_WIDTH, y - 0.36), 2 * _HALF_WIDTH, 0.72),
        boxstyle=f"round,pad=0,rounding_size={rounding}",
        mutation_aspect=3,
        facecolor=_FILLS[node.kind],
        edgecolor=GREY,
        zorder=2,
    )
    axes.add_patch(box_patch)
    axes.text(x, y, "\n".join(_lines(text)), ha="center", va="center", fontsize=9, color=INK, zorder=3)


def _lines(text: str) -> Sequence[str]:
    """Break a text into at most two lines that fit into a box."""
    return textwrap.wrap(text, width=34, max_lines=2, placeholder=" …") or [text]
