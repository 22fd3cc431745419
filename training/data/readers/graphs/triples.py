"""Triples of texts, one a line, and what all readers of them check."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from training.data.errors import ColumnOrder
from training.data.ledger import FILE, LINE, ORIGIN, Ledger
from training.data.readers.base import ReadOptions, require_ids
from training.data.readers.rows import Dialect, read_rows
from training.data.readers.source import Source

HEAD_RELATION_TAIL = ("head", "relation", "tail")
EXPECTED = "3 columns separated by tabs (head, relation, tail)"


def read_triples(
    source: Source,
    path: Path,
    options: ReadOptions,
    ledger: Ledger,
    *,
    split: str | None = None,
    then: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Read head TAB relation TAB tail without a header; quotes are characters like any other.

    Args:
        source: where the file belongs.
        path: the file.
        options: encoding and progress.
        ledger: where rows that are not like this are entered.
        split: the part of the data that the file is, if it is one.
        then: what else is done to the rows of each piece.
    """

    def refine(rows: pl.DataFrame) -> pl.DataFrame:
        rows = require_ids(rows, HEAD_RELATION_TAIL, ledger)
        return rows if then is None else then(rows)

    rows = read_rows(
        source,
        path,
        Dialect(),
        columns=HEAD_RELATION_TAIL,
        expected=EXPECTED,
        options=options,
        ledger=ledger,
        refine=refine,
        intern=HEAD_RELATION_TAIL,
    )
    ledger.check()
    return rows.select(*ORIGIN, *HEAD_RELATION_TAIL, *([] if split is None else [pl.lit(split).alias("split")]))


def check_relations(rows: pl.DataFrame, known: pl.Series, listed_in: str, order: str, ledger: Ledger) -> None:
    """Refuse triples of numbers where most relations are none: their columns stand in another order (C35).

    Args:
        rows: a column `relation`, and where each row came from.
        known: the numbers that stand for relations.
        listed_in: the file that says so.
        order: how the format orders its columns, as "head, tail, relation".
        ledger: knows the files.

    Raises:
        ColumnOrder: names the first strange row.
    """
    strange = rows.filter(~pl.col("relation").is_in(known.implode()))
    if strange.height * 2 > rows.height:
        file, line = ledger.source(strange[FILE][0]), strange[LINE][0]
        expected = f"{order} with one of the {len(known)} relations of {listed_in}"
        raise ColumnOrder(file.path, line, expected, file.line(line))
