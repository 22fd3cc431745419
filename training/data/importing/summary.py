"""Figures about finished tables, for the import report."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import polars as pl

from training.data.dataset import split_counts
from training.data.importing import inverses, names
from training.data.keys import codes, dense
from training.data.report import Alignment, Inverse, RelationCount

_LOW_COVERAGE = 0.1
_FEW_ALIKE = 0.5  # of the compared names
_ENOUGH_NAMES = 3


class Summary(TypedDict):
    """The fields of `ImportReport` that follow from the tables alone."""

    tables: dict[str, int]
    splits: dict[str, dict[str, int]]
    relations: tuple[RelationCount, ...]
    alignment: Alignment
    inverses: tuple[Inverse, ...]
    seen_only_later: dict[str, int]
    warnings: tuple[str, ...]


def of(tables: Mapping[str, pl.DataFrame], warnings: Sequence[str]) -> Summary:
    """Count the tables; warnings of the reader come before those that the counts give."""
    alignment, backwards = _alignment(tables), inverses.find(tables["triples"])
    later = {
        "users": _unseen(tables["interactions"], ["user_id"]),
        "items": _unseen(tables["interactions"], ["item_id"]),
        "entities": _unseen(tables["triples"], ["head", "tail"]),
        "relations": _unseen(tables["triples"], ["relation"]),
    }
    return Summary(
        tables={name: table.height for name, table in tables.items()},
        splits={name: split_counts(tables[name]) for name in ("interactions", "triples")},
        relations=_histogram(tables["triples"], tables["relations"]),
        alignment=alignment,
        inverses=backwards,
        seen_only_later=later,
        warnings=(*warnings, *_unlearnt(later), *_doubts(alignment), *inverses.warnings(backwards)),
    )


def _histogram(triples: pl.DataFrame, relations: pl.DataFrame) -> tuple[RelationCount, ...]:
    counts = triples.group_by("relation").len("triples").cast({"relation": pl.String})
    joined = relations.join(counts, left_on="relation_id", right_on="relation", how="left", maintain_order="left")
    rows = joined.with_columns(pl.col("triples").fill_null(0)).sort("triples", descending=True, maintain_order=True)
    return tuple(RelationCount.model_validate(row) for row in rows.iter_rows(named=True))


def _alignment(tables: Mapping[str, pl.DataFrame]) -> Alignment:
    links, interactions = tables["links"], tables["interactions"]
    pairs = names.compare(links, tables["items"], tables["entities"])
    linked = links["item_id"].cast(pl.Categorical)
    return Alignment(
        items=tables["items"].height,
        aligned_items=links.height,
        linked_entities=links["entity_id"].n_unique(),
        items_sharing_an_entity=int(links["entity_id"].is_duplicated().sum()),
        interactions=interactions.height,
        interactions_on_aligned_items=int(np.isin(codes(interactions["item_id"]), codes(linked)).sum()),
        names_compared=len(pairs),
        names_alike=sum(pair.alike for pair in pairs),
        samples=pairs[:: max(1, -(-len(pairs) // names.SAMPLE))],
    )


def _unlearnt(later: Mapping[str, int]) -> list[str]:
    return [
        f"{count} {table} occur in valid or test only; they are kept, but training never sees them"
        for table, count in later.items()
        if count
    ]


def _doubts(alignment: Alignment) -> list[str]:
    found = []
    if alignment.aligned_items < _LOW_COVERAGE * alignment.items:
        found.append(f"only {alignment.aligned_items} of {alignment.items} items are aligned with an entity")
    alike, compared = alignment.names_alike, alignment.names_compared
    if compared >= _ENOUGH_NAMES and alike < _FEW_ALIKE * compared:
        found.append(
            f"only {alike} of {compared} linked items have a name like their entity's: "
            "were the links made for another release of these items?"
        )
    return found


def _unseen(rows: pl.DataFrame, columns: list[str]) -> int:
    """Count the ids in these columns that no train row holds."""
    numbers, n = dense(pl.concat([rows[column] for column in columns]))
    trained = np.zeros(n, dtype=np.bool_)
    trained[numbers[np.tile((rows["split"] == "train").to_numpy(), len(columns))]] = True
    return int((~trained).sum())
