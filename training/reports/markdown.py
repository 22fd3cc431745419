"""Pieces of Markdown, as GitHub shows it."""

import re
from collections.abc import Iterable, Sequence

from training.reports.statistics import OverSeeds

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def plain(text: str) -> str:
    r"""Give text that Markdown shows as it is, on one line.

    >>> plain("M*A*S*H | 1970")
    'M\\*A\\*S\\*H \\| 1970'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Give a table whose first `left` columns are text, the others numbers (to the right)."""
    rule = [":--" if column < left else "--:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def number(value: float, decimals: int, signed: bool = False) -> str:
    """Spell a number with a true minus sign; one that rounds to nothing has no sign.

    >>> number(-0.001, 2), number(-1.5, 1), number(0.25, 2, signed=True)
    ('0.00', '−1.5', '+0.25')
    """
    rounded = round(value, decimals) + 0.0
    text = f"{rounded:{'+' if signed and rounded else ''}.{decimals}f}"
    return text.replace("-", "−")


def with_spread(value: OverSeeds, decimals: int, signed: bool = False) -> str:
    """Spell a mean, with its spread where there is one.

    >>> with_spread(OverSeeds(41.031, 0.126, 3), 2), with_spread(OverSeeds(1.0, None, 1), 2)
    ('41.03 ± 0.13', '1.00')
    """
    text = number(value.mean, decimals, signed)
    return text if value.spread is None else f"{text} ± {number(value.spread, decimals)}"


def listed(words: Sequence[str]) -> str:
    """Join words for a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
