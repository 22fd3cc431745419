"""Figures about finished tables, for the import report."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import polars as pl

from training.data.dataset import split_counts
from training.data.report import Alignment, RelationCount

_LOW_COVERAGE = 0.1


class Summary(TypedDict):
    """The fields of `ImportReport` that follow from the tables alone."""

    tables: dict[str, int]
    splits: dict[str, dict[str, int]]
    relations: tuple[RelationCount, ...]
    alignment: Alignment
    warnings: tuple[str, ...]


def of(tables: Mapping[str, pl.DataFrame], warnings: Sequence[str]) -> Summary:
    """Count the tables; warnings of the reader come before those that the counts give."""
    alignment = _alignment(tables)
    return Summary(
        tables={name: table.height for name, table in tables.items()},
        splits={name: split_counts(tables[name]) for name in ("interactions", "triples")},
        relations=_histogram(tables["triples"], tables["relations"]),
        alignment=alignment,
        warnings=(*warnings, *_warnings(tables, alignment)),
    )


def _histogram(triples: pl.DataFrame, relations: pl.DataFrame) -> tuple[RelationCount, ...]:
    counts = triples.group_by("relation").len("triples")
    joined = relations.join(counts, left_on="relation_id", right_on="relation", how="left", maintain_order="left")
    rows = joined.with_columns(pl.col("triples").fill_null(0)).sort("triples", descending=True, maintain_order=True)
    return tuple(RelationCount.model_validate(row) for row in rows.iter_rows(named=True))


def _alignment(tables: Mapping[str, pl.DataFrame]) -> Alignment:
    links, interactions = tables["links"], tables["interactions"]
    return Alignment(
        items=tables["items"].height,
        aligned_items=links.height,
        linked_entities=links["entity_id"].n_unique(),
        items_sharing_an_entity=int(links["entity_id"].is_duplicated().sum()),
        interactions=interactions.height,
        interactions_on_aligned_items=int(interactions["item_id"].is_in(links["item_id"].implode()).sum()),
    )


def _warnings(tables: Mapping[str, pl.DataFrame], alignment: Alignment) -> list[str]:
    seen_only_later = {
        "users": _unseen(tables["interactions"], ["user_id"]),
        "items": _unseen(tables["interactions"], ["item_id"]),
        "entities": _unseen(tables["triples"], ["head", "tail"]),
        "relations": _unseen(tables["triples"], ["relation"]),
    }
    found = [
        f"{count} {table} occur in valid or test only; they are kept, but training never sees them"
        for table, count in seen_only_later.items()
        if count
    ]
    if alignment.aligned_items < _LOW_COVERAGE * alignment.items:
        found.append(f"only {alignment.aligned_items} of {alignment.items} items are aligned with an entity")
    return found


def _unseen(rows: pl.DataFrame, columns: list[str]) -> int:
    """Count the ids in these columns that no train row holds."""
    seen = rows["split"] == "train"
    later = pl.concat([rows.filter(~seen)[column].unique() for column in columns]).unique()
    trained = pl.concat([rows.filter(seen)[column].unique() for column in columns])
    return int((~later.is_in(trained.implode())).sum())
