"""Plain CSV tables, as the reader `tables` takes them: read back, they give the same content hash."""

from pathlib import Path

import polars as pl

from training.data.dataset import Dataset
from training.data.schema import TABLES


def write_tables(dataset: Dataset, folder: Path) -> list[str]:
    """Write a CSV file (RFC 4180) for each table, with its splits."""
    for name in TABLES:
        dataset.tables[name].write_csv(folder / f"{name}.csv")
    rejected = dataset.rejected.height
    return [f"the {rejected:,} rejected facts"] if rejected else []


def write_interactions_and_links(dataset: Dataset, folder: Path) -> None:
    """Write what a graph format cannot hold: who met what, and which item stands for which entity."""
    dataset.interactions.write_csv(folder / "interactions.csv")
    dataset.links.select(pl.col("item_id", "entity_id")).write_csv(folder / "links.csv")
