"""Case C15: what a time may look like, and that it ends as whole seconds since 1970, UTC."""

from pathlib import Path

import polars as pl
import pytest

from training.data.ledger import FILE, LINE, Ledger, SourceFile
from training.data.readers.base import TimeUnit
from training.data.readers.times import parse_timestamp


def parse(cells: list[str], unit: TimeUnit | None = None) -> tuple[list[int | None], list[int]]:
    """Give the seconds of the good rows, and the lines of the rejected ones."""
    ledger = Ledger(1.0)
    ledger.open(SourceFile(Path("x"), "x", "utf-8"), len(cells), 0)
    lines = range(1, len(cells) + 1)
    rows = pl.DataFrame({FILE: [0] * len(cells), LINE: lines, "when": cells}, schema_overrides={FILE: pl.Int64})
    good = parse_timestamp(rows.cast({LINE: pl.Int64}), "when", unit, ledger)
    ledger.keep(good)
    drops = ledger.reports()[0].dropped
    return good["when"].to_list(), [line for drop in drops for line in drop.first_lines]


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("0", 0),
        ("881250949", 881250949),
        ("881250949.9", 881250949),
        ("-1", -1),
        ("1970-01-02", 86_400),
        ("1970-01-01T00:01", 60),
        ("1970-01-01T00:00:07Z", 7),
        ("1970-01-01 00:00:07.999", 7),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T22:30:00-0130", 0),
        ("1970-01-01 00:00:05 +0000 UTC", 5),
    ],
)
def test_c15_epoch_seconds_and_iso_8601_are_told_apart_by_themselves(cell: str, seconds: int) -> None:
    assert parse([cell]) == ([seconds], [])


@pytest.mark.parametrize(("unit", "cell"), [("s", "7"), ("ms", "7999"), ("us", "7000001"), ("ms", "7000.5")])
def test_c15_a_declared_unit_is_cut_to_seconds(unit: TimeUnit, cell: str) -> None:
    assert parse([cell], unit) == ([7], [])


def test_c15_milliseconds_that_nobody_declared_are_refused_and_not_taken_for_a_far_future() -> None:
    assert parse(["978300760", "978300760000"]) == ([978300760], [2])


@pytest.mark.parametrize("cell", ["yesterday", "2020-02-30", "2020-13-01", "25:00", "1e400", "nan", "2020-01-01T", "٣"])
def test_c15_what_is_no_time_is_rejected_by_its_line(cell: str) -> None:
    assert parse(["1", cell, ""]) == ([1, None], [2])


def test_c15_a_declared_unit_excludes_the_others() -> None:
    assert parse(["2020-01-01"], "s") == ([], [1])
    assert parse(["7", "1970-01-01"], "iso") == ([0], [1])
