from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from training.data.ledger import Ledger
from training.data.readers import READERS
from training.data.readers.base import RawTables, ReadOptions
from training.data.readers.source import Source
from training.data.report import FileReport

CASES = Path(__file__).parents[3] / "cases" / "files"


class Read:
    """What one reader made of one source, and the closed books: all rows that the reader gives count as kept."""

    def __init__(self, raw: RawTables, ledger: Ledger) -> None:
        self.raw = raw
        for rows in (raw.interactions, raw.triples, raw.links):
            ledger.keep(rows)
        self._reports = ledger.reports()

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        return self.raw.triples.select(pl.col("head", "relation", "tail").cast(pl.String)).rows()

    def file(self, name: str) -> FileReport:
        return next(report for report in self._reports if report.name == name)

    def drops(self, name: str) -> dict[str, tuple[int, tuple[int, ...]]]:
        return {drop.reason: (drop.rows, drop.first_lines) for drop in self.file(name).dropped}


ReadAs = Callable[..., Read]


@pytest.fixture
def read() -> ReadAs:
    """Read a path with one reader alone; nothing is cleaned or split."""

    def read(
        source_format: str, path: Path | str, *, max_bad_share: float = 0.01, options: ReadOptions | None = None
    ) -> Read:
        ledger = Ledger(max_bad_share)
        return Read(READERS[source_format].read(Source.of(path), options or ReadOptions(), ledger), ledger)

    return read


@pytest.fixture
def cases() -> Path:
    return CASES


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Write files by name below a fresh source directory; texts in UTF-8, bytes as they are."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        source = tmp_path / "source"
        for name, content in files.items():
            file = source / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return source

    return write
