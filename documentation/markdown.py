"""Pieces of Markdown for made pages."""

from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """Put text into one cell of a table.

    >>> cell("a | b\\nc")
    'a \\\\| b c'
    """
    return " ".join(text.replace("|", "\\|").split())


def code(text: str) -> str:
    """Mark text as code; nothing for no text.

    >>> code("a"), code("")
    ('`a`', '')
    """
    return f"`{text}`" if text else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table; cells are Markdown already, but for bars and line ends."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)
