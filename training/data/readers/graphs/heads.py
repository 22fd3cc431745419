"""Looking into the heads of files, to tell one format from another; nothing here fails."""

import re
from pathlib import Path

from training.data.readers.source import HEAD_BYTES, Source

_ENOUGH = 50
_NUMBER = re.compile(r"-?\d+")


def head_lines(source: Source, path: Path) -> list[str]:
    """Give the first lines that are not blank, 50 at most; one that the head cuts is left out."""
    data = source.head(path)
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    lines = re.split(r"\r\n|\r|\n", text)
    whole = lines[:-1] if len(data) == HEAD_BYTES else lines
    return [line for line in whole if line.strip()][:_ENOUGH]


def share_of_width(lines: list[str], width: int, separator: str = "\t") -> float:
    """Give the share of lines that the separator splits into `width` cells; 0 of no lines."""
    return sum(len(line.split(separator)) == width for line in lines) / len(lines) if lines else 0.0


def are_numbers(cells: list[str]) -> bool:
    """Say whether all of these are whole numbers."""
    return all(_NUMBER.fullmatch(cell) for cell in cells)
