"""A page in one file: no script, nothing from outside, pictures inside it; readable light, dark and read aloud."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """A PNG by its name without ending; `alt` says in words what it shows, with its figures."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Grid:
    """A table: the first column names the row, the others are numbers unless `text_columns` says more."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it: plain paragraphs, pictures, tables."""

    title: str
    parts: Sequence[str | Picture | Grid]


STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --paper: #fff; --soft: #5b5b60; --line: #d2d2d7; --band: #f5f5f7 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8ea; --paper: #17181a; --soft: #b0b0b6; --line: #44454a; --band: #222327 }
  /* The pictures are dark on white: inverted, and turned back to their hues. #fff becomes the paper's colour. */
  figure img { filter: invert(.91) hue-rotate(180deg) }
}
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem }
p { max-width: 46rem } nav ul { padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none }
a { color: inherit } a:focus-visible { outline: 3px solid #0072b2; outline-offset: 2px }
figure { margin: 1rem 0 } figure img { max-width: 100%; height: auto; display: block }
figcaption, caption { color: var(--soft); font-size: .9rem; text-align: left; padding: .25rem 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right }
th.text, td.text { text-align: left; overflow-wrap: anywhere } thead th { background: var(--band) }
tbody th { font-weight: 500 }
"""


def page(title: str, lead: str, sections: Sequence[Section], pictures: Path) -> str:
    """Write the page; pictures are read from the folder `pictures` and put into it."""
    ids = [f"s{k}" for k in range(1, len(sections) + 1)]
    links = "".join(f'<li><a href="#{i}">{escape(s.title)}</a></li>' for i, s in zip(ids, sections, strict=True))
    body = "\n".join(_section(i, s, pictures) for i, s in zip(ids, sections, strict=True))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(lead)}</p>\n"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n{body}\n</main>\n</body>\n</html>\n'
    )


def _section(anchor: str, section: Section, pictures: Path) -> str:
    inside = "\n".join(_part(part, pictures) for part in section.parts)
    return f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{escape(section.title)}</h2>\n{inside}\n</section>'


def _part(part: str | Picture | Grid, pictures: Path) -> str:
    if isinstance(part, Picture):
        return _picture(part, pictures)
    return _grid(part) if isinstance(part, Grid) else f"<p>{escape(part)}</p>"


def _picture(picture: Picture, pictures: Path) -> str:
    data = base64.b64encode((pictures / f"{picture.name}.png").read_bytes()).decode("ascii")
    return (
        f'<figure><img alt="{escape(picture.alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _grid(grid: Grid) -> str:
    def cell(tag: str, column: int, text: str, scope: str = "") -> str:
        kind = ' class="text"' if column < grid.text_columns else ""
        return f"<{tag}{scope}{kind}>{escape(text)}</{tag}>"

    head = "".join(cell("th", k, text, ' scope="col"') for k, text in enumerate(grid.header))
    rows = "".join(
        "<tr>"
        + cell("th", 0, row[0], ' scope="row"')
        + "".join(cell("td", k, text) for k, text in enumerate(row[1:], 1))
        + "</tr>\n"
        for row in grid.rows
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(grid.caption)}"><table>'
        f"<caption>{escape(grid.caption)}</caption><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>"
    )
