"""Rows that the rules leave out: zeros, grades below the threshold, and what is too rare to learn from."""

import numpy as np
import polars as pl

from training.data.importing.rules import Rules
from training.data.keys import dense
from training.data.ledger import Ledger
from training.data.readers.base import Zeros
from training.data.report import Grades


def grade(rows: pl.DataFrame, zeros: Zeros, positive_from: float | None, ledger: Ledger) -> tuple[pl.DataFrame, Grades]:
    """Leave out zeros, or take their value away, as `zeros` says; then leave out what is below the threshold.

    A row without a value is positive. Returns the rows that stay, and how many were which.
    """
    n_zeros = int((rows["value"] == 0).sum())
    if n_zeros and zeros == "drop":
        rows = _without(rows, (rows["value"] == 0).fill_null(False), ledger, "value 0")
    if n_zeros and zeros == "implicit":
        rows = rows.with_columns(pl.when(pl.col("value") != 0).then("value").alias("value"))
    before = rows.height
    if positive_from is not None:
        below = (rows["value"] < positive_from).fill_null(False)
        rows = _without(rows, below, ledger, f"value below {positive_from:g}, negative")
    return rows, Grades(
        positive_from=positive_from,
        positive=rows.height,
        negative=before - rows.height,
        zeros=zeros,
        zero_rows=n_zeros,
        without_value=rows["value"].null_count(),
    )


def core(rows: pl.DataFrame, rules: Rules, ledger: Ledger) -> pl.DataFrame:
    """Leave out users and items with fewer interactions than the rules ask for, until none is left that has fewer."""
    least = {"user_id": rules.min_user_interactions, "item_id": rules.min_item_interactions}
    reason = "{} with fewer than {} interactions"
    return _repeatedly(rows, {"user": ("user_id",), "item": ("item_id",)}, list(least.values()), reason, ledger)


def well_known(triples: pl.DataFrame, rules: Rules, linked: pl.Series, ledger: Ledger) -> pl.DataFrame:
    """Leave out entities and relations with fewer triples than the rules ask for; entities that are `linked` stay."""
    least = [rules.min_entity_triples, rules.min_relation_triples]
    columns = {"entity": ("head", "tail"), "relation": ("relation",)}
    reason = "{} with fewer than {} triples"
    return _repeatedly(triples, columns, least, reason, ledger, spared=linked)


def _repeatedly(
    rows: pl.DataFrame,
    columns: dict[str, tuple[str, ...]],
    least: list[int],
    reason: str,
    ledger: Ledger,
    spared: pl.Series | None = None,
) -> pl.DataFrame:
    height = -1
    while max(least) > 1 and height != rows.height:
        height = rows.height
        for (thing, places), fewest in zip(columns.items(), least, strict=True):
            rare = _rare(rows, places, fewest, spared)
            rows = _without(rows, rare, ledger, reason.format(thing, fewest))
    return rows


def _rare(rows: pl.DataFrame, places: tuple[str, ...], fewest: int, spared: pl.Series | None) -> pl.Series:
    """Mark rows with a rare text in one of the places; a row that has it in two of them counts once for each."""
    numbers, n = dense(pl.concat([rows[place] for place in places]))
    few = np.bincount(numbers, minlength=n) < fewest
    if spared is not None and len(places) > 1:
        few[numbers[pl.concat([rows[place] for place in places]).is_in(spared.implode()).to_numpy()]] = False
    return pl.Series(few[numbers].reshape(len(places), rows.height).any(axis=0))


def _without(rows: pl.DataFrame, mask: pl.Series, ledger: Ledger, reason: str) -> pl.DataFrame:
    if not mask.any():
        return rows
    ledger.drop(rows.filter(mask), reason)
    return rows.filter(~mask)
