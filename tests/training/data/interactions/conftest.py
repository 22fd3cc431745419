from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from training.data.ledger import Ledger
from training.data.readers import READERS
from training.data.readers.base import RawTables, ReadOptions
from training.data.readers.source import Source
from training.data.report import FileReport


@dataclass(frozen=True)
class Reading:
    """What a reader gave, and the book of it with every row kept that the reader left to be kept."""

    raw: RawTables
    files: dict[str, FileReport]

    def rows(self, *columns: str) -> list[tuple[object, ...]]:
        """Give interactions in the order of the files."""
        return self.raw.interactions.select(pl.col(columns).cast(pl.String)).rows()

    def values(self) -> list[float | None]:
        """Give the values of the interactions."""
        return self.raw.interactions["value"].to_list()

    def titles(self) -> dict[str, str | None]:
        """Give the items that the source lists, with their titles."""
        return dict(self.raw.declared["items"].select("item_id", "title").iter_rows())

    def facts(self) -> set[tuple[str, str, str]]:
        """Give what is said of items."""
        return set(self.raw.item_facts.select("item_id", "relation", "tail").iter_rows())

    def drops(self, name: str) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Give the reasons of one file, with how many rows and the first lines."""
        return {drop.reason: (drop.rows, drop.first_lines) for drop in self.files[name].dropped}


@pytest.fixture
def read() -> Callable[..., Reading]:
    """Read a source with one reader, nothing else."""

    def read(source: str | Path, name: str, *, max_bad_share: float = 0.01, **options: Any) -> Reading:
        ledger = Ledger(max_bad_share)
        raw = READERS[name].read(Source.of(source), ReadOptions(**options), ledger)
        for rows in (raw.interactions, raw.triples, raw.links):
            ledger.keep(rows)
        return Reading(raw, {report.name: report for report in ledger.reports()})

    return read
