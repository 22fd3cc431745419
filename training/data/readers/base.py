"""What every reader gives, and the steps that readers share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import polars as pl

from training.data.ledger import ORIGIN_TYPES, Ledger, sift
from training.data.readers.source import Source

Part = Literal["interactions", "triples", "links"]
TimeUnit = Literal["s", "ms", "us", "iso"]
Zeros = Literal["keep", "drop", "implicit"]

_TEXT = pl.String


def _silent(message: str) -> None:
    """Say nothing."""


def _uncounted(n_bytes: int) -> None:
    """Count nothing."""


@dataclass(frozen=True)
class ReadOptions:
    """What a person may say about the sources; None where nothing was said: the format's own way, then.

    Attributes:
        encoding: tried on files that are not UTF-8.
        progress: told what is being read.
        count_bytes: told how many more bytes of it were read.
        columns: our name of a column -> the source's (`--column user_id=reader`).
        separator, quote, quoting, header: of formats whose dialect is not fixed, see `rows.Dialect`.
        time_unit: of timestamps; None takes seconds since 1970, or ISO 8601 where a cell is no number.
        item_prefix: what stands before item ids in files of links, such as `movie_`.
        keep_literals: predicates whose literals become entities.
        language: of labels, where a source has several.
        several: there are other sources, and what was said may be meant for them.
    """

    encoding: str | None = None
    progress: Callable[[str], None] = _silent
    count_bytes: Callable[[int], None] = _uncounted
    columns: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    quote: str | None = None
    quoting: Literal["none", "rfc4180", "backslash"] | None = None
    header: bool | None = None
    time_unit: TimeUnit | None = None
    item_prefix: str | None = None
    keep_literals: frozenset[str] = frozenset()
    language: str | None = None
    several: bool = False


def no_interactions() -> pl.DataFrame:
    """Give interactions without a row, for sources that have none."""
    return pl.DataFrame(
        schema={**ORIGIN_TYPES, "user_id": _TEXT, "item_id": _TEXT, "value": pl.Float64, "timestamp": pl.Int64}
    )


def no_triples() -> pl.DataFrame:
    """Give triples without a row."""
    return pl.DataFrame(schema={**ORIGIN_TYPES, "head": _TEXT, "relation": _TEXT, "tail": _TEXT})


def no_links() -> pl.DataFrame:
    """Give links without a row."""
    return pl.DataFrame(schema={**ORIGIN_TYPES, "item_id": _TEXT, "entity_id": _TEXT})


def no_item_facts() -> pl.DataFrame:
    """Give facts of items without a row."""
    return pl.DataFrame(schema={**ORIGIN_TYPES, "item_id": _TEXT, "relation": _TEXT, "tail": _TEXT})


@dataclass(frozen=True)
class RawTables:
    """Well-formed rows, not yet cleaned. The columns `_file` and `_line` say where each came from.

    Ids are `pl.String` or `pl.Categorical` (see `rows.read_rows`, `intern`); any part may be left out.

    Attributes:
        declared: users, items, entities and relations that the source lists in files of their own, with their labels;
            each as in `schema.TABLES`, every id once. Absent ones count as empty. Their rows are entered in the ledger
            as kept by the reader.
        interactions: user_id, item_id, value, timestamp, and split where the source gives one.
        triples: head, relation, tail, and split where the source gives one.
        links: item_id, entity_id; may name unknown ids.
        item_facts: item_id, relation, tail: what the source says of an item by the item's own id. The head becomes the
            item's linked entity, or an entity `item:<id>` that is linked with it. A row of a file may give several
            facts: the reader enters that row in the ledger itself, and these rows carry no count of their own.
        relations_are_declared: every relation of the triples stands in `declared`, so their column cannot be another.
        zeros: what a value of 0 means in this format, where nobody says: a grade (`keep`), or that there was none.
    """

    source_format: str
    declared: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    interactions: pl.DataFrame = field(default_factory=no_interactions)
    triples: pl.DataFrame = field(default_factory=no_triples)
    links: pl.DataFrame = field(default_factory=no_links)
    item_facts: pl.DataFrame = field(default_factory=no_item_facts)
    relations_are_declared: bool = False
    zeros: Zeros = "keep"
    warnings: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Recognition:
    """How sure a reader is that a source has its format, from 0 (it has not) to 1, and what tells."""

    score: float
    why: str = ""


NOT_MINE = Recognition(0.0)


class Reader(Protocol):
    """One source format. `layout` shows its files with two lines of each; `gives` says what they hold."""

    name: str
    layout: str
    gives: frozenset[Part]

    def recognise(self, source: Source) -> Recognition:
        """Judge by names and the heads of files whether the source has this format; never fails, reads little."""

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read the source; every row is in the result or dropped in the ledger.

        Raises:
            DatasetError: a file is missing, cannot be decoded, or holds too many malformed rows.
        """


def require_ids(rows: pl.DataFrame, columns: Sequence[str], ledger: Ledger) -> pl.DataFrame:
    """Reject rows where an id is empty."""
    for column in columns:
        rows = sift(rows, pl.col(column) != "", ledger, f"empty {column}", f"{column} not to be empty")
    return rows


def parse_value(rows: pl.DataFrame, column: str, ledger: Ledger) -> pl.DataFrame:
    """Turn a column of texts into float64; empty is null, anything but a finite number is rejected."""
    number = pl.col(column).cast(pl.Float64, strict=False)
    good = (pl.col(column) == "") | number.is_finite()
    rows = sift(rows, good, ledger, f"{column} is not a number", f"a number as {column}")
    return rows.with_columns(number)


def first_labels(rows: pl.DataFrame, key: str, label: str) -> pl.DataFrame:
    """Give each id once, in the order of appearance, with the first label that is not empty, or null."""
    named = rows.select(key, pl.col(label).replace("", None))
    return named.group_by(key, maintain_order=True).agg(pl.col(label).drop_nulls().first())
