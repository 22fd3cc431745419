"""The one data set format on disk: Parquet tables and a manifest, written whole or not at all."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from training.data.content_hash import content_hash
from training.data.errors import InvalidDataset
from training.data.files import replace_directory
from training.data.keys import SPLIT_TYPE, compact
from training.data.report import ImportReport
from training.data.schema import FORMAT_VERSION, OPTIONAL, SPLITS, TABLES, problem

MANIFEST = "manifest.json"
BESIDE = tuple(f"{name}.parquet" for name in (*TABLES, *OPTIONAL))
"""Every other file that a data set may have."""
OTHER_CONTENT = "its content is not what the manifest says (content_hash differs); convert it again"
LARGE = ("interactions", "triples")  # tables whose texts lie in memory as codes, see `keys.compact`


class SplitMethod(BaseModel):
    """How the rows of a table came to their splits; `seed` is null where no chance was used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    seed: int | None = None


class Manifest(BaseModel):
    """What stands in manifest.json; `report` is null for a data set that no import made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int
    name: str
    source_format: str
    created_at: datetime
    counts: dict[str, int]
    split_counts: dict[str, dict[str, int]]
    split: dict[str, SplitMethod]
    content_hash: str
    report: ImportReport | None = None


@dataclass(frozen=True)
class Dataset:
    """The tables of `schema.TABLES`, checked against each other, and their manifest.

    Interactions and triples hold their texts as codes (`pl.Categorical`, `pl.Enum`), the other tables as `pl.String`.
    `rejected` has the facts that people called false; most data sets have none.
    """

    name: str
    users: pl.DataFrame
    items: pl.DataFrame
    entities: pl.DataFrame
    relations: pl.DataFrame
    links: pl.DataFrame
    interactions: pl.DataFrame
    triples: pl.DataFrame
    rejected: pl.DataFrame
    manifest: Manifest

    @classmethod
    def of(
        cls,
        name: str,
        tables: Mapping[str, pl.DataFrame],
        *,
        source_format: str,
        split: Mapping[str, SplitMethod],
        report: ImportReport | None = None,
    ) -> Self:
        """Check the tables, count and hash them.

        Raises:
            InvalidDataset: a table breaks the format; the reason names table and column.
        """
        reason = problem(tables)
        if reason:
            raise InvalidDataset(Path(name), reason)
        tables = {table: compact(rows) if table in LARGE else rows for table, rows in tables.items()}
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            name=name,
            source_format=source_format,
            created_at=datetime.now(UTC).replace(microsecond=0),
            counts={table: tables[table].height for table in TABLES} | _counts_of_optional(tables),
            split_counts={table: split_counts(tables[table]) for table in ("interactions", "triples")},
            split=dict(split),
            content_hash=content_hash(tables),
            report=report,
        )
        return cls(name=name, manifest=manifest, **_with_empty(tables))

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables by name, in the order of `schema.TABLES`; of the optional ones those that have rows."""
        given = {name: getattr(self, name) for name in (*TABLES, *OPTIONAL)}
        return {name: table for name, table in given.items() if name in TABLES or table.height}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a directory that `save` wrote, and check it whole.

        Raises:
            InvalidDataset: no manifest, another format version, a table missing or cut, or the hash differs.
        """
        manifest, tables = read_tables(path)
        reason = problem(tables)
        if reason is None and content_hash(tables) != manifest.content_hash:
            reason = OTHER_CONTENT
        if reason:
            raise InvalidDataset(path, reason)
        return cls.as_read(manifest, tables)

    @classmethod
    def as_read(cls, manifest: Manifest, tables: Mapping[str, pl.DataFrame]) -> Self:
        """Put together what `read_tables` has read, unchecked."""
        return cls(name=manifest.name, manifest=manifest, **_with_empty(tables))

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the directory aside, then rename it: `path` holds the whole data set or what it held before.

        Raises:
            InvalidDataset: the tables are not those that the manifest counts and hashes.
            TargetExists: `path` is not empty and `overwrite` is off, or it holds anything else than a data set.
            OSError: it cannot be written; the disk is full, perhaps.
        """
        if content_hash(self.tables) != self.manifest.content_hash:
            raise InvalidDataset(path, "the tables were changed after they were hashed; make a new one with Dataset.of")
        with replace_directory(path, overwrite=overwrite, marker=MANIFEST, others=BESIDE) as aside:
            for name, table in self.tables.items():
                _write_table(aside / f"{name}.parquet", table)
            text = self.manifest.model_dump_json(indent=2)
            (aside / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_tables(path: Path, empty: Collection[str] = ()) -> tuple[Manifest, dict[str, pl.DataFrame]]:
    """Read manifest and tables of a directory that `Dataset.save` wrote; nothing of those named in `empty`.

    Raises:
        InvalidDataset: no manifest, another format version, or a table missing or cut. Cells are not checked.
    """
    manifest = _read_manifest(path)
    present = [name for name in OPTIONAL if name in manifest.counts or (path / f"{name}.parquet").exists()]
    names = (*TABLES, *present)
    return manifest, {n: compact(TABLES[n].to_frame()) if n in empty else _read_table(path, n) for n in names}


def split_counts(table: pl.DataFrame) -> dict[str, int]:
    """Count the rows of each split, in the order train, valid, test; absent splits count 0."""
    counts = dict(table.group_by("split").len().iter_rows())
    return {split: counts.get(split, 0) for split in SPLITS}


def _counts_of_optional(tables: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    return {name: tables[name].height for name in OPTIONAL if name in tables and tables[name].height}


def _with_empty(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Give every table, those that are left out without rows."""
    empty = {name: schema.to_frame() for name, schema in OPTIONAL.items() if name not in tables}
    return {**{name: tables[name] for name in (*TABLES, *OPTIONAL) if name in tables}, **empty}


def _write_table(file: Path, table: pl.DataFrame) -> None:
    codes = [column for column, dtype in table.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    try:
        if codes:  # texts on disk; they are spelled out piece by piece
            table.lazy().with_columns(pl.col(codes).cast(pl.String)).sink_parquet(file, compression="zstd")
        else:
            table.write_parquet(file, compression="zstd")
    except pl.exceptions.ComputeError as error:
        # What polars makes of a full disk; it does not name the file.
        raise OSError(f"{file}: cannot be written: {error}") from error


def _read_manifest(path: Path) -> Manifest:
    try:
        raw = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidDataset(path, f"it has no {MANIFEST}") from None
    except ValueError:
        raise InvalidDataset(path, f"its {MANIFEST} is not JSON") from None
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION:
        raise InvalidDataset(path, f"its format_version is {version!r}; this version reads {FORMAT_VERSION}")
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidDataset(path, f"its {MANIFEST}, field {field}: {first['msg']}") from None


def _read_table(path: Path, name: str) -> pl.DataFrame:
    file = path / f"{name}.parquet"
    if not file.is_file():
        raise InvalidDataset(path, f"{file.name} is missing")
    try:
        scanned = pl.scan_parquet(file, hive_partitioning=False, glob=False)
        if name in LARGE:
            texts = pl.selectors.string() - pl.selectors.by_name("split", require_all=False)
            splits = pl.selectors.string() & pl.selectors.by_name("split", require_all=False)
            scanned = scanned.with_columns(texts.cast(pl.Categorical), splits.cast(SPLIT_TYPE, strict=False))
        return scanned.collect(engine="streaming" if name in LARGE else "auto")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InvalidDataset(path, f"{file.name} cannot be read: {str(error).splitlines()[0]}") from None
