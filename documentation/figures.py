"""The pictures of the explanation, as SVG written by hand: the same everywhere, sharp at any size, told in words."""

from collections.abc import Sequence
from html import escape

INK, SOFT, PAPER, PLANE = "#1d1d1f", "#5b5b60", "#ffffff", "#e8eef5"
USER, ITEM, PREFERENCE, FACT = "#d55e00", "#0072b2", "#cc79a7", "#009e73"
Point = tuple[float, float]


def _svg(width: int, height: int, title: str, words: str, parts: Sequence[str]) -> str:
    markers = "".join(
        f'<marker id="a{colour[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="{colour}"/></marker>'
        for colour in (INK, SOFT, PREFERENCE, FACT)
    )
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="15">\n'
        f'<title id="t">{escape(title)}</title>\n<desc id="d">{escape(words)}</desc>\n<defs>{markers}</defs>\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>\n{inside}\n</svg>\n'
    )


def _arrow(start: Point, end: Point, colour: str, width: float = 2.5, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dash} marker-end="url(#a{colour[1:]})"/>'
    )


def _line(start: Point, end: Point, colour: str = SOFT) -> str:
    return (
        f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" stroke="{colour}" '
        'stroke-width="1.5" stroke-dasharray="4 4"/>'
    )


def _dot(at: Point, colour: str, size: float = 7) -> str:
    return f'<circle cx="{at[0]:g}" cy="{at[1]:g}" r="{size:g}" fill="{colour}"/>'


def _text(at: Point, words: str, colour: str = INK, anchor: str = "start", size: int = 15, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{at[0]:g}" y="{at[1]:g}" fill="{colour}" text-anchor="{anchor}" font-size="{size}"{weight}>'
        f"{escape(words)}</text>"
    )


def hyperplane() -> str:
    """Draw how a preference carries a user to an item on its hyperplane."""
    user, item = (170.0, 70.0), (585.0, 92.0)
    user_below, item_below, reached = (190.0, 265.0), (600.0, 262.0), (520.0, 300.0)
    normal = (400.0, 215.0)
    parts = [
        f'<polygon points="60,330 640,330 740,190 160,190" fill="{PLANE}" stroke="{SOFT}"/>',
        _text((590, 322), "hyperplane of the preference", SOFT, "end", 13),
        _arrow(normal, (388, 120), SOFT, 2),
        _text((396, 118), "w, its normal", SOFT),
        _line(user, user_below),
        _line(item, item_below),
        _dot(user, USER),
        _text((155, 62), "user u", USER, "end", bold=True),
        _dot(item, ITEM),
        _text((600, 86), "item i", ITEM, bold=True),
        _dot(user_below, USER, 5),
        _text((150, 312), "u without its part along w", USER, size=13),
        _dot(item_below, ITEM, 5),
        _text((612, 256), "i, likewise", ITEM, size=13),
        _arrow(user_below, reached, PREFERENCE, 4),
        _text((350, 264), "p, the preference", PREFERENCE, "middle", bold=True),
        f'<line x1="{reached[0]:g}" y1="{reached[1]:g}" x2="{item_below[0]:g}" y2="{item_below[1]:g}" '
        f'stroke="{INK}" stroke-width="2.5"/>',
        _text((550, 303), "distance g", INK, size=14, bold=True),
        _text((40, 372), "The score is −g: the nearer the preference carries the user to the item, the better.", INK),
    ]
    words = (
        "A user and an item are projected onto the hyperplane of a preference. From the user's projection an arrow, "
        "the preference, leads to near the item's projection; the distance that is left is the score, negated."
    )
    return _svg(780, 395, "A preference carries a user to an item", words, parts)


def joint_graph() -> str:
    """Draw the two graphs that share items and entities, and preferences and relations."""
    user, first, second = (90.0, 190.0), (300.0, 110.0), (300.0, 270.0)
    film_one, film_two, person = (520.0, 110.0), (520.0, 270.0), (690.0, 190.0)
    parts = [
        _text((195, 36), "what people did", INK, "middle", bold=True),
        _text((605, 36), "what is known", INK, "middle", bold=True),
        f'<line x1="410" y1="20" x2="410" y2="330" stroke="{SOFT}" stroke-dasharray="2 5"/>',
        _dot(user, USER, 10),
        _text((66, 195), "Ann", USER, "end", bold=True),
        *(f'<rect x="{x - 9:g}" y="{y - 9:g}" width="18" height="18" fill="{ITEM}"/>' for x, y in (first, second)),
        _text((300, 92), "item: Notorious", ITEM, "middle"),
        _text((300, 308), "item: Rebecca", ITEM, "middle"),
        _arrow((102, 185), (288, 115), INK),
        _text((180, 132), "watched", INK, "middle", 13),
        _arrow((102, 196), (288, 264), PREFERENCE, 4),
        _text((172, 284), "preference “director”", PREFERENCE, "middle", bold=True),
        *(_line((a[0] + 12, a[1]), (b[0] - 14, b[1])) for a, b in ((first, film_one), (second, film_two))),
        _text((410, 102), "the same", SOFT, "middle", 13),
        _text((410, 262), "the same", SOFT, "middle", 13),
        *(_dot(place, ITEM, 9) for place in (film_one, film_two)),
        _text((520, 92), "entity", ITEM, "middle"),
        _text((520, 308), "entity", ITEM, "middle"),
        _dot(person, FACT, 10),
        _text((712, 195), "Hitchcock", FACT, bold=True),
        _arrow((531, 115), (680, 182), FACT),
        _arrow((531, 265), (680, 198), PREFERENCE, 4),
        _text((612, 128), "director", FACT, "middle"),
        _text((655, 276), "relation “director”", PREFERENCE, "middle", bold=True),
        _text((40, 362), "An item and its entity share a vector’s part, and so do a preference and its relation:", INK),
        _text((40, 384), "what is learnt of the one moves the other.", INK),
    ]
    words = (
        "Left: Ann watched Notorious, and a preference called director leads her to Rebecca. Right: in the graph of "
        "facts both films have the director Hitchcock. Dashed lines tie each item to its entity; the preference on the "
        "left and the relation on the right have one colour, as they share their vectors."
    )
    return _svg(800, 405, "Two graphs, learnt together", words, parts)
