"""What is taken out of well-formed rows, each with its reason in the ledger."""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import polars as pl

from training.data.errors import ColumnOrder
from training.data.keys import packed, repeated
from training.data.ledger import FILE, LINE, ORIGIN, Ledger
from training.data.report import Overlap
from training.data.schema import KEYS, SPLITS

_ENOUGH_TRIPLES = 20  # below, a true graph may hold as many relations as tails


def drop_repeated_interactions(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Keep one row of a user and an item in each split: the latest by timestamp, else the last one in the file."""
    key = [*KEYS["interactions"], *_within_split(rows)]
    again = repeated(packed(rows, key))
    if not again.any():
        return rows
    data = [column for column in rows.columns if column not in ORIGIN]
    found = rows.filter(again)
    first = _chosen(found, data, "first")
    ledger.drop(found.filter(~first), "exact copy of an earlier row")
    found = found.filter(first)
    latest = _chosen(found, key, "last", by="timestamp")
    ledger.drop(found.filter(~latest), "user and item again, a later row is kept")
    return rows.filter(~again | _spread(again, _spread(first, latest)))  # one copy of the table, not two


def drop_repeated_triples(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Keep the first row of a fact in each split."""
    key = [*KEYS["triples"], *_within_split(rows)]
    again = repeated(packed(rows, key))
    if not again.any():
        return rows
    return _keep(rows, ~again | _spread(again, _chosen(rows.filter(again), key, "first")), ledger, "repeated triple")


def drop_self_loops(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Drop facts that tie an entity to itself: their translation would have to be zero."""
    return _keep(rows, rows["head"] != rows["tail"], ledger, "self-loop")


def drop_overlap(rows: pl.DataFrame, table: str, ledger: Ledger) -> tuple[pl.DataFrame, list[Overlap]]:
    """Drop from valid what is in train, and from test what is in train or valid (strict protocol)."""
    overlaps, keys = [], packed(rows, KEYS[table])
    for earlier, later in combinations(SPLITS, 2):
        taken = keys.filter(rows["split"] == earlier)
        again = (rows["split"] == later) & keys.is_in(taken.implode())
        if again.any():
            overlaps.append(Overlap(table=table, kept_in=earlier, removed_from=later, rows=int(again.sum())))
            rows, keys = _keep(rows, ~again, ledger, f"already in {earlier}"), keys.filter(~again)
    return rows, overlaps


def drop_unusable_links(rows: pl.DataFrame, items: pl.Series, ledger: Ledger) -> pl.DataFrame:
    """Keep links of known items, each once. Items may share an entity."""
    rows = _keep(rows, rows["item_id"].is_in(items.implode()), ledger, "unknown item")
    return _keep(rows, _chosen(rows, ["item_id", "entity_id"], "first"), ledger, "repeated link")


def drop_loose_links(rows: pl.DataFrame, entities: pl.Series, ledger: Ledger) -> pl.DataFrame:
    """Keep the first link of each item to a known entity."""
    rows = _keep(rows, rows["entity_id"].is_in(entities.implode()), ledger, "unknown entity")
    return _keep(rows, rows["item_id"].is_first_distinct(), ledger, "another entity for the item, the first is kept")


def check_column_order(triples: pl.DataFrame, ledger: Ledger) -> None:
    """Refuse triples whose relations are about as many as their heads or tails.

    Raises:
        ColumnOrder: names the first row, and how many different values each column holds.
    """
    heads, relations, tails = (triples[column].n_unique() for column in KEYS["triples"])
    if triples.height < _ENOUGH_TRIPLES or 2 * relations <= min(heads, tails):
        return
    source, line = ledger.source(triples[FILE][0]), triples[LINE][0]
    expected = "head, relation, tail, with far fewer different relations than heads or tails"
    counts = f"{heads} heads, {relations} relations, {tails} tails"
    hint = "if this is right, list the relations in a relations file"
    raise ColumnOrder(source.path, line, expected, f"{source.line(line)} and in all {counts} ({hint})")


def _within_split(rows: pl.DataFrame) -> Sequence[str]:
    return ["split"] if "split" in rows.columns else []


def _chosen(rows: pl.DataFrame, key: Sequence[str], keep: Literal["first", "last"], by: str | None = None) -> pl.Series:
    """Mark one row of each key: the first or last in the order of `by` (nulls first), then of the rows."""
    places = rows.with_row_index("_place")
    if by is not None and rows[by].null_count() < rows.height:
        places = places.sort(by, nulls_last=False, maintain_order=True)
    mask = np.zeros(rows.height, dtype=np.bool_)
    mask[places.unique(key, keep=keep)["_place"].to_numpy()] = True
    return pl.Series(mask)


def _spread(places: pl.Series, marks: pl.Series) -> pl.Series:
    """Put marks at the places that are true, in their order; false elsewhere."""
    spread = places.to_numpy().copy()
    spread[spread] = marks.to_numpy()
    return pl.Series(spread)


def _keep(rows: pl.DataFrame, mask: pl.Series, ledger: Ledger, reason: str) -> pl.DataFrame:
    if mask.all():
        return rows
    ledger.drop(rows.filter(~mask), reason)
    return rows.filter(mask)
