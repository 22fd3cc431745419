"""Read a data set for some shards of its users: every table, but of the interactions no more than theirs.

Interactions are read in pieces, so that their table never lies in memory as a whole, in no process: once to count them
by user, which settles the shards, and once to keep what is held.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.data.content_hash import content_hash
from training.data.dataset import OTHER_CONTENT, Dataset, read_tables
from training.data.errors import InvalidDataset
from training.data.indexed import IndexedDataset
from training.data.keys import SPLIT_TYPE, Places
from training.data.schema import SPLITS, TABLES, problem
from training.data.shards.users import UserShards, rows_of_keys

NAME = "interactions"
PIECE_ROWS = 1 << 18
"""As many as polars writes in one row group."""


def load_held(path: Path, n_shards: int, held: range, check_hash: bool) -> IndexedDataset:
    """Read a data set directory with the interactions of the shards `held` alone, sorted by user and item.

    The hash is of all cells, so a process that holds a part cannot tell it from that: with `check_hash` the columns of
    the interactions are read for it, one by one and in pieces. One process should, for all. What is held is checked by
    who holds it: ids that are listed, splits that are some, no pair twice.

    Raises:
        InvalidDataset: as `Dataset.load`.
    """
    manifest, tables = read_tables(path, empty=(NAME,))
    stored = StoredTable.of(path, NAME)
    reason = problem(tables)
    if reason is None and check_hash and content_hash({**tables, NAME: stored}) != manifest.content_hash:
        reason = OTHER_CONTENT
    if reason:
        raise InvalidDataset(path, reason)
    dataset = IndexedDataset.of(Dataset.as_read(manifest, tables))
    users, items = Places(tables["users"]["user_id"]), Places(tables["items"]["item_id"])
    counts = np.zeros(len(dataset.users), np.int64)
    for piece in stored.pieces("user_id"):
        np.add.at(counts, _listed(path, piece["user_id"], users, "users"), 1)
    shards = UserShards.cut(counts, n_shards, held)
    found = _held(path, stored, shards, users, items, len(dataset.items))
    return replace(dataset, interactions=found, shards=shards)


@dataclass(frozen=True)
class StoredTable:
    """A large table that stays in its file: what `content_hash` asks of a table, and its rows in pieces."""

    file: Path
    schema: pl.Schema
    height: int

    @classmethod
    def of(cls, path: Path, name: str) -> Self:
        """Find a table of a data set directory.

        Raises:
            InvalidDataset: it is missing, cannot be read, or has other columns.
        """
        file = path / f"{name}.parquet"
        if not file.is_file():
            raise InvalidDataset(path, f"{file.name} is missing")
        try:
            scanned = pl.scan_parquet(file, hive_partitioning=False, glob=False)
            schema, height = scanned.collect_schema(), int(scanned.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise InvalidDataset(path, f"{file.name} cannot be read: {str(error).splitlines()[0]}") from None
        if schema != TABLES[name]:
            raise InvalidDataset(path, f"{name} has the columns {dict(schema)}; expected {dict(TABLES[name])}")
        return cls(file, schema, height)

    def __getitem__(self, column: str, /) -> "_StoredColumn":
        return _StoredColumn(self, column)

    def read(self, columns: tuple[str, ...], offset: int, length: int | None) -> pl.DataFrame:
        """Read rows from `offset` on, at most `length`.

        Raises:
            InvalidDataset: the file is cut.
        """
        try:
            scanned = pl.scan_parquet(self.file, hive_partitioning=False, glob=False)
            return scanned.select(columns).slice(offset, length).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            reason = f"{self.file.name} cannot be read: {str(error).splitlines()[0]}"
            raise InvalidDataset(self.file.parent, reason) from None

    def pieces(self, *columns: str) -> Iterator[pl.DataFrame]:
        """Yield the rows, PIECE_ROWS at a time."""
        yield from (self.read(columns, start, PIECE_ROWS) for start in range(0, self.height, PIECE_ROWS))


@dataclass(frozen=True)
class _StoredColumn:
    table: StoredTable
    name: str

    @property
    def dtype(self) -> pl.DataType:
        return self.table.schema[self.name]

    def __len__(self) -> int:
        return self.table.height

    def slice(self, offset: int, length: int | None = None) -> pl.Series:
        return self.table.read((self.name,), offset, length)[self.name]


def _held(
    path: Path, stored: StoredTable, shards: UserShards, users: Places, items: Places, n_items: int
) -> dict[str, NDArray[np.int64]]:
    """Give by split the (n, 2) user and item rows of the users that are held, sorted."""
    kept: dict[str, list[NDArray[np.int64]]] = {split: [] for split in SPLITS}
    for piece in stored.pieces("user_id", "item_id", "split"):
        people = _listed(path, piece["user_id"], users, "users")
        things = _listed(path, piece["item_id"], items, "items")
        splits = piece["split"].cast(SPLIT_TYPE, strict=False)
        if splits.null_count():
            raise InvalidDataset(path, f"{NAME}.split holds something else than {', '.join(SPLITS)}")
        mine = shards.holds(people)
        keys = people[mine] * n_items + things[mine]
        for split, found in kept.items():
            found.append(keys[(splits == split).to_numpy()[mine]])
    sorted_keys = {split: np.sort(np.concatenate([np.empty(0, np.int64), *found])) for split, found in kept.items()}
    every = np.sort(np.concatenate([*sorted_keys.values()]))
    if (every[1:] == every[:-1]).any():
        raise InvalidDataset(path, f"{NAME} holds the same user_id, item_id twice")
    return {split: rows_of_keys(keys, n_items) for split, keys in sorted_keys.items()}


def _listed(path: Path, ids: pl.Series, places: Places, table: str) -> NDArray[np.int64]:
    """Give the places of ids in the vocabulary of a table, which has to list them all."""
    if ids.null_count():
        raise InvalidDataset(path, f"{NAME}.{ids.name} has empty cells")
    rows = places.of(ids)
    if len(strays := np.flatnonzero(rows < 0)):
        stray = ids[int(strays[0])]
        raise InvalidDataset(path, f"{NAME}.{ids.name} holds {stray!r}, which {table} does not list")
    return rows
