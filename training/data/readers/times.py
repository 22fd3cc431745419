"""Texts to whole seconds since 1970, UTC: numbers in a declared unit, or ISO 8601."""

from collections.abc import Mapping

import polars as pl

from training.data.ledger import Ledger, sift
from training.data.readers.base import TimeUnit

_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799  # years 1 to 9999: milliseconds taken for seconds fall outside
_PER_SECOND: Mapping[TimeUnit, int] = {"s": 1, "ms": 1_000, "us": 1_000_000}
_UNITS: Mapping[TimeUnit | None, str] = {
    None: "seconds since 1970 (UTC) or ISO 8601",
    "s": "seconds since 1970 (UTC)",
    "ms": "milliseconds since 1970 (UTC)",
    "us": "microseconds since 1970 (UTC)",
    "iso": "ISO 8601, such as 2020-01-31T12:00:00Z,",
}
# A date, a time with or without seconds, a zone; without a zone it is UTC. "+0000 UTC" is how Go spells a zone.
_ISO = (
    r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s?"
    r"(?:Z|z|UTC|GMT|([+-])(\d{2}):?(\d{2})(?: [A-Z]{3,4})?)?)?$"
)


def parse_timestamp(rows: pl.DataFrame, column: str, unit: TimeUnit | None, ledger: Ledger) -> pl.DataFrame:
    """Turn a column of texts into int64 seconds since 1970 (UTC); a fraction of a second is cut off, empty is null.

    Args:
        rows: with `_file` and `_line`.
        column: of texts.
        unit: of numbers; `iso` where there are none. None takes seconds, and ISO 8601 where a cell is no number.
        ledger: rows whose cell is neither empty nor a time between the years 1 and 9999 are rejected there.
    """
    text = pl.col(column)
    seconds = pl.lit(None, dtype=pl.Int64) if unit == "iso" else _of_number(text, _PER_SECOND[unit or "s"])
    rows = rows.with_columns(_seconds=seconds)
    if unit in (None, "iso") and not rows.select(((text == "") | pl.col("_seconds").is_not_null()).all()).item():
        rows = rows.with_columns(_seconds=pl.coalesce("_seconds", _of_iso(text)))
    good = (text == "") | pl.col("_seconds").is_between(_EARLIEST, _LATEST)
    hint = "" if unit else " (--time-unit declares another one)"
    rows = sift(rows, good, ledger, f"{column} is no such time", f"{_UNITS[unit]} as {column}{hint}")
    return rows.with_columns(pl.col("_seconds").alias(column)).drop("_seconds")


def _of_number(text: pl.Expr, per_second: int) -> pl.Expr:
    whole = text.cast(pl.Int64, strict=False) // per_second
    return pl.coalesce(whole, (text.cast(pl.Float64, strict=False) / per_second).floor().cast(pl.Int64, strict=False))


def _of_iso(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(_ISO).struct
    clock = pl.coalesce(parts[1], pl.when(parts[0].is_not_null()).then(pl.lit("00:00")))
    moment = pl.concat_str(parts[0], pl.lit(" "), clock, pl.lit(":"), pl.coalesce(parts[2], pl.lit("00")))
    minutes = parts[4].cast(pl.Int64) * 60 + parts[5].cast(pl.Int64)
    ahead = pl.coalesce(pl.when(parts[3] == "-").then(-minutes).otherwise(minutes), pl.lit(0))
    return moment.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).dt.epoch("s") - 60 * ahead
