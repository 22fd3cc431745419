"""How plots look: one colour for each family of systems (Okabe and Ito, safe for colour-blind eyes), one marker each.

matplotlib is loaded when a plot is drawn, not before: no other command needs it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.reports.published import WITHOUT_GRAPH
from training.reports.results import ReportError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BARS, INK, GREY = "#d9d9d9", "#222222", "#767676"
VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    *("#d55e00", "#0072b2", "#009e73", "#cc79a7"),
    *("#e69f00", "#56b4e9", "#000000"),
)

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a title is a dollar sign
    "svg.hashsalt": "report",  # the same figures give the same file
}


@dataclass(frozen=True)
class Look:
    """How a system's line is drawn; dashed where it has no graph."""

    colour: str
    marker: str
    dashed: bool
    filled: bool = True


_LOOKS: Mapping[str, tuple[str, str, bool]] = {
    "fm": (BLACK, "v", True),
    "bprmf": (SKY, "^", True),
    "cfkg": (ORANGE, "D", True),
    "cke": (GREEN, "P", True),
    "cofm-share": (PURPLE, "s", True),
    "cofm-reg": (PURPLE, "s", False),
    "tup-hard": (BLUE, "o", False),
    "tup-soft": (BLUE, "o", True),
    "ktup-hard": (VERMILLION, "X", False),
    "ktup-soft": (VERMILLION, "X", True),
}


def look_of(system: str) -> Look:
    """Give the look of a system; grey for one that the paper does not have."""
    colour, marker, filled = _LOOKS.get(system, (GREY, ".", True))
    return Look(colour, marker, system in WITHOUT_GRAPH, filled)


@contextmanager
def new_figure(width: float, height: float) -> Iterator["Figure"]:
    """Give an empty figure of a size in inches; it is to be saved within.

    Raises:
        ReportError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ReportError("plots need matplotlib: pip install --group report") from None
    with matplotlib.rc_context(_SETTINGS):
        yield Figure(figsize=(width, height), layout="constrained")


def one_sided(axes: "Axes") -> None:
    """Leave the right edge off: nothing is read there."""
    axes.spines["right"].set_visible(False)


def save(figure: "Figure", folder: Path, name: str) -> None:
    """Write name.png and name.svg; nothing in them depends on the time."""
    figure.savefig(folder / f"{name}.png", dpi=160, metadata={"Software": ""})
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
