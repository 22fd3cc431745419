"""Facts about items that stand in their own columns: genres, years, authors, tags.

A value becomes the entity `<relation>:<value>` with the value as its label, so that a genre "War" and a publisher "War"
stay two things. What is said twice of an item counts once.
"""

from collections.abc import Iterable

import polars as pl

from training.data.ledger import ORIGIN
from training.data.readers.base import no_item_facts

_ITEM = (*ORIGIN, "item_id")
_PLAUSIBLE_YEARS = (1000, 2199)


def single(rows: pl.DataFrame, column: str, relation: str) -> pl.DataFrame:
    """Give item_id, relation and value, with their origin, of each row whose cell is not empty."""
    value = pl.col(column).str.strip_chars()
    told = rows.select(*_ITEM, relation=pl.lit(relation), value=value)
    return told.filter(pl.col("value").fill_null("") != "")


def several(rows: pl.DataFrame, column: str, relation: str, separator: str) -> pl.DataFrame:
    """Give one value for each part of a cell, as `single` does for whole cells."""
    parts = rows.select(*_ITEM, pl.col(column).str.split(separator))
    return single(parts.explode(column, empty_as_null=True), column, relation)


def years(rows: pl.DataFrame, column: str, relation: str) -> pl.DataFrame:
    """Give the year as `<relation> year` and its ten years as `<relation> decade`.

    Anything but a year from 1000 to 2199 is left out, as the 0 by which Book-Crossing says that it knows none.
    """
    year = pl.col(column).str.strip_chars().str.extract(r"^(\d{4})$").cast(pl.Int64)
    known = rows.select(*_ITEM, year=year).filter(pl.col("year").is_between(*_PLAUSIBLE_YEARS))
    decade = (pl.col("year") // 10 * 10).cast(pl.String) + "s"
    told = known.select(*_ITEM, pl.col("year").cast(pl.String), decade=decade)
    return pl.concat([single(told, "year", f"{relation} year"), single(told, "decade", f"{relation} decade")])


def gather(parts: Iterable[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn values into item facts and entities with their labels, as `RawTables` wants both; each once, in order."""
    values = pl.concat([part for part in parts if part.height] or [single(_nothing(), "tail", "")])
    values = values.unique(["item_id", "relation", "value"], keep="first", maintain_order=True)
    tail = pl.concat_str("relation", pl.lit(":"), "value")
    entities = values.select(entity_id=tail, label="value").unique("entity_id", keep="first", maintain_order=True)
    return values.select(*_ITEM, "relation", tail=tail), entities


def _nothing() -> pl.DataFrame:
    return no_item_facts()
