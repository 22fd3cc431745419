"""Plain tables: a directory of CSV (RFC 4180) or TSV (no quoting) files with a header each."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from training.data.errors import BadOption, MissingFile
from training.data.ledger import Ledger, sift
from training.data.readers.base import (
    NOT_MINE,
    Part,
    RawTables,
    ReadOptions,
    Recognition,
    first_labels,
    parse_value,
    require_ids,
)
from training.data.readers.rows import CSV, TSV, read_rows
from training.data.readers.source import Source
from training.data.readers.times import parse_timestamp
from training.data.schema import NULLABLE, SPLITS, TABLES

LAYOUT = """\
interactions.csv   user_id,item_id[,value][,timestamp][,split]
triples.csv        head,relation,tail[,split]
links.csv          item_id,entity_id
If you have them:  users.csv (user_id), items.csv (item_id[,title]),
entities.csv (entity_id[,label]), relations.csv (relation_id[,label];
the triples may then use no other relation).
Each may be a .tsv instead: tabs, no quoting. Columns are found by name;
`rating` is read as `value`; timestamps are seconds since 1970 or ISO 8601, UTC."""

_ALIASES = {"rating": "value"}


class TablesReader:
    """Reads plain tables by their headers; interactions, triples and links must be there."""

    name = "tables"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions", "triples", "links"})

    def recognise(self, source: Source) -> Recognition:
        """Go by the names of the three files that must be there."""
        there = [name for name in ("interactions", "triples", "links") if source.find(f"{name}.csv", f"{name}.tsv")]
        return Recognition(len(there) / 3, f"it has files named {', '.join(there)}") if there else NOT_MINE

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read what is declared first, then what names it; see `Reader.read`."""
        files = _Files(source, options, ledger)
        declared = {name: files.declared(name) for name in ("users", "items", "entities", "relations")}
        interactions = files.interactions()
        triples = files.triples(declared["relations"])
        links = files.links()
        known = {name: TABLES[name].to_frame() if rows is None else rows for name, rows in declared.items()}
        return RawTables(
            source_format=self.name,
            declared=known,
            interactions=interactions,
            triples=triples,
            links=links,
            relations_are_declared=declared["relations"] is not None,
            warnings=files.warnings,
        )


class _Files:
    """The files of one source directory."""

    def __init__(self, source: Source, options: ReadOptions, ledger: Ledger) -> None:
        self._source, self._options, self._ledger = source, options, ledger
        self.warnings: list[str] = []
        self._absent: list[str] = []

    def declared(self, name: str) -> pl.DataFrame | None:
        """Read ids with their labels, each id once, or None where there is no such file."""
        if self._find(name) is None:
            return None
        key, *labels = TABLES[name].names()
        rows = require_ids(self._rows(name), (key,), self._ledger)
        first = rows[key].is_first_distinct()
        self._ledger.drop(rows.filter(~first), "repeated id")
        self._ledger.keep(rows.filter(first))
        self._ledger.check()
        return first_labels(rows, key, labels[0]) if labels else rows.filter(first).select(key)

    def interactions(self) -> pl.DataFrame:
        """Read who met what; value and timestamp may be empty."""
        rows = require_ids(self._rows("interactions"), ("user_id", "item_id"), self._ledger)
        rows = parse_value(rows, "value", self._ledger)
        rows = parse_timestamp(rows, "timestamp", self._options.time_unit, self._ledger)
        return self._finish(rows)

    def triples(self, relations: pl.DataFrame | None) -> pl.DataFrame:
        """Read the facts; where relations are declared, others are refused."""
        rows = require_ids(self._rows("triples"), ("head", "relation", "tail"), self._ledger)
        if relations is not None:
            known = pl.col("relation").is_in(relations["relation_id"].implode())
            expected = "a relation that the relations file lists (wrong column order?)"
            rows = sift(rows, known, self._ledger, "unknown relation", expected)
        return self._finish(rows)

    def links(self) -> pl.DataFrame:
        """Read which item stands for which entity."""
        rows = require_ids(self._rows("links"), ("item_id", "entity_id"), self._ledger)
        self._ledger.check()
        return rows

    def _finish(self, rows: pl.DataFrame) -> pl.DataFrame:
        if "split" in rows.columns:
            expected = f"one of {', '.join(SPLITS)} as split"
            rows = sift(rows, pl.col("split").is_in(SPLITS), self._ledger, "unknown split", expected)
        self._ledger.check()
        return rows

    def _find(self, name: str) -> Path | None:
        found = [path for path in map(self._source.find, (f"{name}.csv", f"{name}.tsv")) if path is not None]
        if len(found) > 1:
            raise BadOption(str(self._source.root), f"holds both {found[0].name} and {found[1].name}; keep one of them")
        return found[0] if found else None

    def _rows(self, name: str) -> pl.DataFrame:
        needed = [column for column in TABLES[name].names() if not _is_optional(column)]
        expected = f"a header with the columns {', '.join(needed)}"
        path = self._find(name)
        if path is None:
            raise MissingFile(self._source.root / f"{name}.csv", f"{name}.csv or {name}.tsv, with {expected}")
        return read_rows(
            self._source,
            path,
            CSV if path.name.removesuffix(".gz").endswith(".csv") else TSV,
            columns=lambda header: self._places(path, name, header),
            expected=f"{expected}, each once",
            options=self._options,
            ledger=self._ledger,
        ).with_columns(pl.lit("").alias(column) for column in self._absent)

    def _places(self, path: Path, name: str, header: Sequence[str]) -> dict[str, int] | None:
        """Find the table's columns in the header; a nullable one that is absent is empty throughout.

        None: a column is missing, or named twice.
        """
        known, named = TABLES[name].names(), [_ALIASES.get(column, column) for column in header]
        missing = [column for column in known if column not in named]
        if any(named.count(column) > 1 for column in known) or not all(map(_is_optional, missing)):
            return None
        self.warnings += [f"{path.name}: the column {column!r} is not used" for column in named if column not in known]
        self._absent = [column for column in missing if column in NULLABLE]
        return {column: place for place, column in enumerate(named) if column in known}


def _is_optional(column: str) -> bool:
    return column in NULLABLE or column == "split"
