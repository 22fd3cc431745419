"""Reads a data set directory (Parquet tables and manifest.json) for import, in bounded pieces.

InvalidDataset(path, reason)    the directory, table, column and expectation are named

The format is that of `docs/reference/dataset-format.md`. It is read here on its own: the service does not load the
training code.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from app.identifiers import MAX_ID_BYTES

FORMAT_VERSION = 1
SPLITS = ("train", "valid", "test")
_ROWS = 20_000

TABLES: Mapping[str, Mapping[str, Any]] = {
    "users": {"user_id": pl.String},
    "entities": {"entity_id": pl.String, "label": pl.String},
    "relations": {"relation_id": pl.String, "label": pl.String},
    "items": {"item_id": pl.String, "title": pl.String},
    "links": {"item_id": pl.String, "entity_id": pl.String},
    "triples": {"head": pl.String, "relation": pl.String, "tail": pl.String, "split": pl.String},
    "interactions": {
        "user_id": pl.String,
        "item_id": pl.String,
        "value": pl.Float64,
        "timestamp": pl.Int64,
        "split": pl.String,
    },
}
OPTIONAL: Mapping[str, Mapping[str, Any]] = {
    "rejected": {"head": pl.String, "relation": pl.String, "tail": pl.String},
}
"""Tables that a data set may have; none, and one without rows, say the same."""

_COLUMNS: Mapping[str, Mapping[str, Any]] = {**TABLES, **OPTIONAL}

_NULLABLE = frozenset({"title", "label", "value", "timestamp"})
_REFERENCES = (
    ("links", "item_id", "items", "item_id"),
    ("links", "entity_id", "entities", "entity_id"),
    ("triples", "head", "entities", "entity_id"),
    ("triples", "relation", "relations", "relation_id"),
    ("triples", "tail", "entities", "entity_id"),
    ("interactions", "user_id", "users", "user_id"),
    ("interactions", "item_id", "items", "item_id"),
)
_OPTIONAL_REFERENCES = (
    ("rejected", "head", "entities", "entity_id"),
    ("rejected", "relation", "relations", "relation_id"),
    ("rejected", "tail", "entities", "entity_id"),
)


class InvalidDataset(Exception):
    """The directory cannot be imported; nothing has been stored."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class DatasetReader:
    """A data set directory, checked before anything is read from it."""

    def __init__(self, path: Path, splits: Collection[str] = SPLITS) -> None:
        """Check the whole directory.

        Raises:
            InvalidDataset: no manifest, another format, a table missing, cut or of another shape, an id that cannot
                be stored, or a reference to nothing.
        """
        self.path = path
        self._splits = tuple(splits)
        manifest = _read_manifest(path)
        self.name = str(manifest.get("name", path.name))
        present = [name for name in OPTIONAL if name in manifest["counts"] or (path / f"{name}.parquet").exists()]
        self._tables = {table: self._open(table, manifest) for table in (*TABLES, *present)}
        for reference in (*_REFERENCES, *(one for one in _OPTIONAL_REFERENCES if one[0] in present)):
            self._check_reference(*reference)

    def count(self, table: str) -> int:
        """Count the rows that `rows` will give."""
        if table not in self._tables:
            return 0
        return int(self._tables[table].select(pl.len()).collect().item())

    def rows(self, table: str) -> Iterator[list[dict[str, Any]]]:
        """Give the rows of the chosen splits in pieces of at most 20,000, without the column `split`.

        An optional table that is not there has none.
        """
        frame = self._tables.get(table, pl.LazyFrame(schema=dict(OPTIONAL.get(table, {}))))
        for piece in frame.drop("split", strict=False).collect_batches(chunk_size=_ROWS, maintain_order=True):
            yield from (piece.slice(start, _ROWS).to_dicts() for start in range(0, piece.height, _ROWS))

    def _open(self, table: str, manifest: Mapping[str, Any]) -> pl.LazyFrame:
        path = self.path / f"{table}.parquet"
        try:
            frame = pl.scan_parquet(path)
            self._check_columns(table, dict(frame.collect_schema()))
            self._check_count(table, frame, manifest)
            self._check_cells(table, frame)
        except FileNotFoundError:
            raise InvalidDataset(path, "there is no such file") from None
        except (PolarsError, OSError) as error:
            raise InvalidDataset(path, f"it is not a whole Parquet file ({str(error).splitlines()[0]})") from None
        return frame.filter(pl.col("split").is_in(self._splits)) if "split" in _COLUMNS[table] else frame

    def _check_columns(self, table: str, found: Mapping[str, Any]) -> None:
        if found != dict(_COLUMNS[table]):
            expected, seen = (
                ", ".join(f"{name} {kind}" for name, kind in columns.items()) for columns in (_COLUMNS[table], found)
            )
            raise InvalidDataset(self.path / f"{table}.parquet", f"expected the columns {expected}; found {seen}")

    def _check_count(self, table: str, frame: pl.LazyFrame, manifest: Mapping[str, Any]) -> None:
        expected, found = manifest["counts"].get(table), frame.select(pl.len()).collect().item()
        if expected != found:
            reason = f"it has {found} rows, but the manifest counts {expected}"
            raise InvalidDataset(self.path / f"{table}.parquet", reason)

    def _check_cells(self, table: str, frame: pl.LazyFrame) -> None:
        for column, kind in _COLUMNS[table].items():
            bad = frame.with_row_index("row").filter(~_can_be_stored(column, kind)).head(1).collect()
            if bad.height:
                reason = f"row {bad['row'].item() + 1}, column {column}: expected {_expected(column, kind)}"
                raise InvalidDataset(self.path / f"{table}.parquet", reason)

    def _check_reference(self, table: str, column: str, target: str, key: str) -> None:
        listed = self._tables[target].select(key)
        stray = self._tables[table].join(listed, left_on=column, right_on=key, how="anti").head(1).collect()
        if stray.height:
            reason = f"{column} holds {stray[column].item()!r}, which {target}.parquet does not list"
            raise InvalidDataset(self.path / f"{table}.parquet", reason)


def _can_be_stored(column: str, kind: Any) -> pl.Expr:
    """Whether each cell of a column can; never null."""
    cell = pl.col(column)
    if kind == pl.Int64:
        return pl.lit(True)
    if kind == pl.Float64:
        return cell.is_finite().fill_null(True)
    if column == "split":
        return cell.is_in(SPLITS).fill_null(False)
    whole = ~cell.str.contains("\x00", literal=True)
    if column in _NULLABLE:
        return whole.fill_null(True)
    return (whole & cell.str.len_bytes().is_between(1, MAX_ID_BYTES)).fill_null(False)


def _expected(column: str, kind: Any) -> str:
    if kind == pl.Float64:
        return "a finite number"
    if column == "split":
        return f"one of {', '.join(SPLITS)}"
    if column in _NULLABLE:
        return "text without NUL characters"
    return f"a text of 1 to {MAX_ID_BYTES} bytes without NUL characters"


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest: Any = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidDataset(path, "expected a data set directory; it has no manifest.json") from None
    except ValueError as error:
        raise InvalidDataset(path / "manifest.json", f"expected JSON ({error})") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("counts"), dict):
        raise InvalidDataset(path / "manifest.json", "expected an object with format_version and counts")
    if manifest.get("format_version") != FORMAT_VERSION:
        reason = f"expected format_version {FORMAT_VERSION}; found {manifest.get('format_version')!r}"
        raise InvalidDataset(path / "manifest.json", reason)
    return manifest
