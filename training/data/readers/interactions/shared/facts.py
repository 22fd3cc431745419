"""Facts about items that stand in their own columns: genres, years, authors, tags.

A value becomes the entity `<relation>:<value>` with the value as its label, so that a genre "War" and a publisher "War"
stay two things. What is said twice of an item counts once.
"""

import json
import re
from collections.abc import Iterable, Iterator

import polars as pl

from training.data.ledger import ORIGIN
from training.data.readers.base import no_item_facts

_ITEM = (*ORIGIN, "item_id")
_PLAUSIBLE_YEARS = (1000, 2199)
_PROSE = ("description", "overview", "summary", "plot", "text", "review", "comment", "url", "link", "image", "picture")
_BAR = "|"
_HALF = re.compile("[\ud800-\udfff]")


def single(rows: pl.DataFrame, column: str, relation: str) -> pl.DataFrame:
    """Give item_id, relation and value, with their origin, of each row whose cell is not empty."""
    value = pl.col(column).str.strip_chars()
    told = rows.select(*_ITEM, relation=pl.lit(relation), value=value)
    return told.filter(pl.col("value").fill_null("") != "")


def several(rows: pl.DataFrame, column: str, relation: str, separator: str) -> pl.DataFrame:
    """Give one value for each part of a cell, as `single` does for whole cells."""
    parts = rows.select(*_ITEM, pl.col(column).str.split(separator))
    return single(parts.explode(column, empty_as_null=True), column, relation)


def lists(rows: pl.DataFrame, column: str, relation: str) -> pl.DataFrame:
    """Give one value for each member of cells that are JSON lists, or texts with `|` between their parts.

    A cell that is a JSON object names its own relations: `{"genre": ["war"]}`.
    """
    cells = rows[column].unique(maintain_order=True).to_list()
    told = [(cell, *pair) for cell in cells if cell for pair in _members(cell, relation)]
    schema = {column: pl.String, "relation": pl.String, "value": pl.String}
    parts = pl.DataFrame(told, schema=schema, orient="row").filter(pl.col("value") != "")
    return rows.select(*_ITEM, column).join(parts, on=column, maintain_order="left_right").drop(column)


def title_of(columns: Iterable[str]) -> str | None:
    """Give the column that holds the titles of items: `title`, else one that ends with it, else `name`."""
    names = {name.lower(): name for name in columns}
    ending = (name for lower, name in names.items() if lower.endswith("title"))
    return names.get("title") or next(ending, None) or names.get("name")


def is_prose(column: str) -> bool:
    """Say whether a column holds sentences or addresses by its name: they tie no two items together."""
    return any(word in column.lower() for word in _PROSE)


def _members(cell: str, relation: str) -> Iterator[tuple[str, str]]:
    """Give relation and value of each member of a cell."""
    try:
        value = json.loads(cell, parse_int=str, parse_float=str, parse_constant=str) if cell[0] in "[{" else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        for key, inner in value.items():
            name = key.strip() if is_storable(key) else ""
            yield from ((name or relation, text) for text in _texts(inner))
    elif isinstance(value, list):
        yield from ((relation, text) for text in _texts(value))
    else:
        yield from ((relation, part.strip()) for part in cell.split(_BAR))


def _texts(value: object) -> Iterator[str]:
    """Give texts and numbers, as written, in a JSON value; objects, truth values and nulls are no values of facts."""
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, str) and is_storable(member):
            yield member.strip()


def is_storable(text: str) -> bool:
    """Say whether a text has neither NUL nor half a character, as JSON's escapes can make them."""
    return "\0" not in text and not has_half(text)


def has_half(text: str) -> bool:
    """Say whether a text holds half a character, which UTF-8 has no bytes for."""
    return _HALF.search(text) is not None


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
    values = pl.concat([single(no_item_facts(), "tail", ""), *parts])
    values = values.unique(["item_id", "relation", "value"], keep="first", maintain_order=True)
    tail = pl.concat_str("relation", pl.lit(":"), "value")
    entities = values.select(entity_id=tail, label="value").unique("entity_id", keep="first", maintain_order=True)
    return values.select(*_ITEM, "relation", tail=tail), entities
