"""Writes a data set directory, in the format of `docs/reference/dataset-format.md`, for the offline job to read.

Rows are dealt to train, valid and test by a hash of what they say. So a row stays in its split when more rows come:
what a release was tested on is not taught to the next one, and their figures can be held against each other.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from app.dataset import FORMAT_VERSION, OPTIONAL, SPLITS, TABLES
from models.durable import flush

SPLIT_METHOD = "by_hash_7_1_2"
_HASH_ORDER = ("users", "items", "entities", "relations", "links", "interactions", "triples", "rejected")
_TENTHS = ("train",) * 7 + ("valid",) + ("test",) * 2


def deal(table: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    """Give each row a split by the hash of its keys; about 7:1:2.

    >>> deal(pl.DataFrame({"a": ["x"]}), ("a",))["split"].to_list()
    ['train']
    """
    hashes = [_hash("\x00".join(row)) for row in table.select(keys).iter_rows()]
    dealt = pl.Series("split", [_TENTHS[value % 10] for value in hashes], dtype=pl.String)
    return table.with_columns(dealt, pl.Series("hash", hashes, dtype=pl.UInt64))


def deal_interactions(table: pl.DataFrame) -> pl.DataFrame:
    """Deal interactions; of a user who would have none to learn from, the first by hash is for training."""
    dealt = deal(table, ("user_id", "item_id"))
    learns = (pl.col("split") == "train").any().over("user_id")
    first = pl.col("hash") == pl.col("hash").min().over("user_id")
    return dealt.with_columns(split=pl.when(~learns & first).then(pl.lit("train")).otherwise(pl.col("split"))).drop(
        "hash"
    )


def deal_facts(table: pl.DataFrame) -> pl.DataFrame:
    """Deal facts. Accepted ones were predicted: they are for training only, so that they do not measure themselves."""
    dealt = deal(table, ("head", "relation", "tail"))
    accepted = pl.col("origin") == "accepted"
    split = pl.when(accepted).then(pl.lit("train")).otherwise(pl.col("split"))
    return dealt.with_columns(split=split).drop("hash", "origin")


def dealt(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Give what was read of a database with its interactions and facts dealt to splits."""
    interactions, triples = deal_interactions(tables["interactions"]), deal_facts(tables["triples"])
    return {**tables, "interactions": interactions, "triples": triples}


def write_dataset(target: Path, name: str, tables: Mapping[str, pl.DataFrame]) -> None:
    """Write a data set beside its target, then rename it: the target holds all of it, or is not there.

    Args:
        target: a directory that does not exist.
        name: how the data set is called.
        tables: those of `app.dataset.TABLES`, with their columns; those of `OPTIONAL` are written if they have rows.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for table, columns in _columns(tables).items():
            tables[table].select(list(columns)).write_parquet(aside / f"{table}.parquet", compression="zstd")
        (aside / "manifest.json").write_text(json.dumps(_manifest(name, tables), indent=2) + "\n", encoding="utf-8")
        for file in aside.iterdir():
            flush(file)
        aside.chmod(0o755)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _columns(tables: Mapping[str, pl.DataFrame]) -> dict[str, Mapping[str, Any]]:
    """Give the tables that are written, and their columns."""
    given = {name: columns for name, columns in OPTIONAL.items() if name in tables and tables[name].height}
    return {**TABLES, **given}


def _manifest(name: str, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    dealt = ("interactions", "triples")
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "source_format": "database",
        "created_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "counts": {table: tables[table].height for table in _columns(tables)},
        "split_counts": {
            table: {split: int((tables[table]["split"] == split).sum()) for split in SPLITS} for table in dealt
        },
        "split": {table: {"method": SPLIT_METHOD, "seed": None} for table in dealt},
        "content_hash": content_hash(tables),
        "report": None,
    }


def content_hash(tables: Mapping[str, pl.DataFrame]) -> str:
    """Give the hash that the format asks for: of names, types and cells, in its order."""
    digest, columns = hashlib.sha256(), _columns(tables)
    for table in (name for name in _HASH_ORDER if name in columns):
        frame = tables[table].select(list(columns[table]))
        digest.update(_text(table) + frame.height.to_bytes(8, "little"))
        for column in frame.iter_columns():
            digest.update(_text(column.name) + _text(str(column.dtype)))
            _add(digest, column)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", column: pl.Series) -> None:
    if column.dtype == pl.String:
        cells = [None if cell is None else cell.encode("utf-8") for cell in column]
        lengths = np.array([-1 if cell is None else len(cell) for cell in cells], dtype="<i8")
        digest.update(lengths.tobytes())
        digest.update(b"".join(cell for cell in cells if cell is not None))
        return
    kind = "<f8" if column.dtype == pl.Float64 else "<i8"
    digest.update(column.is_null().cast(pl.UInt8).to_numpy().tobytes())
    digest.update(np.ascontiguousarray(column.fill_null(0).to_numpy(), dtype=np.dtype(kind)).tobytes())


def _text(text: str) -> bytes:
    encoded = text.encode("utf-8")
    return len(encoded).to_bytes(8, "little") + encoded


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "big")
