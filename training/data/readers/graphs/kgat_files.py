"""The files of KGAT's layout, each as rows with their origin."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from training.data.ledger import FILE, ORIGIN, Ledger, sift
from training.data.readers.base import ReadOptions
from training.data.readers.graphs.dense import DENSE, ORIGINAL, numbered, one_to_one, originals
from training.data.readers.graphs.freebase import respelled_topics
from training.data.readers.graphs.triples import HEAD_RELATION_TAIL, check_relations
from training.data.readers.rows import Dialect, Header, Refine, read_rows
from training.data.readers.source import Source

GRAPH = "kg_final.txt"
USERS, ITEMS, ENTITIES, RELATIONS = "user_list.txt", "item_list.txt", "entity_list.txt", "relation_list.txt"
TOPIC = "freebase_id"

_IDS = ("org_id", "remap_id")
_CELLS = {2: r"^(?<org_id>.*\S)\s+(?<remap_id>\S+)$", 3: r"^(?<org_id>.*\S)\s+(?<remap_id>\S+)\s+(?<freebase_id>\S+)$"}


@dataclass(frozen=True)
class Files:
    """The files of one source directory.

    Attributes:
        users: the numbers of the users of each piece that was read, those without items with them.
        warnings: what is strange, and no fault of a row.
    """

    source: Source
    options: ReadOptions
    ledger: Ledger
    users: list[pl.Series] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def listed(self, name: str, *, kept: bool = True) -> pl.DataFrame | None:
        """Read a list as `DENSE`, `ORIGINAL` and, where the header names it, `freebase_id`; None if it is not there."""
        if self.source.find(name) is None:
            return None
        expected, found = f"a header {' '.join(_IDS)}, and {TOPIC} behind them or not", list[str]()

        def columns(header: tuple[str, ...]) -> Mapping[str, int] | None:
            found[:] = header[0].split() if header else []
            return {"line": 0} if tuple(found) in (_IDS, (*_IDS, TOPIC)) else None

        rows = self._rows(name, Dialect(Dialect.LINES, header=True), columns, expected)
        cells = rows.select(*ORIGIN, pl.col("line").str.extract_groups(_CELLS[len(found)]).alias("cells")).unnest(
            "cells"
        )
        cells = sift(cells, pl.col("remap_id").is_not_null(), self.ledger, "wrong number of columns", " ".join(found))
        rows = one_to_one(cells.rename({"org_id": ORIGINAL, "remap_id": DENSE}), self.ledger, kept=kept)
        self.ledger.check()
        return rows

    def pairs(self, name: str, split: str) -> pl.DataFrame:
        """Read lines of a user and items as a row for each item: user_id and item_id (numbers), value, timestamp."""

        def refine(rows: pl.DataFrame) -> pl.DataFrame:
            cells = pl.col("line").str.replace_all(r"\s+", " ").str.split(" ")
            rows = rows.select(*ORIGIN, user_id=cells.list.first(), item_id=cells.list.slice(1))
            rows = numbered(rows, ("user_id",), self.ledger)
            self.users.append(rows["user_id"])
            alone = rows["item_id"].list.len() == 0
            self.ledger.drop(rows.filter(alone), "user without items")
            return self._a_row_each(rows.filter(~alone))

        expected = "a user and items, as whole numbers from 0 between blanks"
        rows = self._rows(name, Dialect(Dialect.LINES), ("line",), expected, refine)
        empty = {"value": pl.lit(None, dtype=pl.Float64), "timestamp": pl.lit(None, dtype=pl.Int64)}
        return rows.with_columns(**empty, split=pl.lit(split))

    def triples(self, entities: pl.DataFrame | None, relations: pl.DataFrame | None) -> pl.DataFrame:
        """Read the graph without self-loops, which its makers number as they like."""

        def refine(rows: pl.DataFrame) -> pl.DataFrame:
            rows = numbered(rows, HEAD_RELATION_TAIL, self.ledger)
            loop = rows["head"] == rows["tail"]
            self.ledger.drop(rows.filter(loop), "self-loop")
            return rows.filter(~loop)

        expected = "3 numbers (head, relation, tail) between blanks"
        rows = self._rows(GRAPH, Dialect(Dialect.WHITESPACE), HEAD_RELATION_TAIL, expected, refine)
        if relations is not None:
            check_relations(rows, relations[DENSE], RELATIONS, "head, relation, tail", self.ledger)
        ends = (entities, ENTITIES)
        rows = self.original(rows, {"head": ends, "relation": (relations, RELATIONS), "tail": ends})
        return rows.select(*ORIGIN, *HEAD_RELATION_TAIL)

    def links(self, items: pl.DataFrame, entities: pl.DataFrame | None) -> pl.DataFrame:
        """Give each item the entity of its own number."""
        rows = self.original(items.with_columns(entity_id=DENSE), {"entity_id": (entities, ENTITIES)})
        if TOPIC in rows.columns and entities is not None:
            other = rows.filter(respelled_topics(rows[TOPIC]) != respelled_topics(rows["entity_id"]))
            if other.height:
                line = f"line {other['_line'][0]}"
                self.warnings.append(
                    f"{ITEMS}: {other.height} items have another {TOPIC} than the entity of their number ({line} first)"
                )
        return rows.select(*ORIGIN, "entity_id", item_id=ORIGINAL).select(*ORIGIN, "item_id", "entity_id")

    def original(self, rows: pl.DataFrame, lists: Mapping[str, tuple[pl.DataFrame | None, str]]) -> pl.DataFrame:
        """Put original ids in place of numbers; where there is no list, the number itself is the id."""
        for column, (known, listed_in) in lists.items():
            if known is None:
                rows = rows.with_columns(pl.col(column).cast(pl.String))
            else:
                rows = originals(rows, column, known, listed_in, self.ledger)
        return rows

    def _a_row_each(self, rows: pl.DataFrame) -> pl.DataFrame:
        pairs = rows.explode("item_id")
        if rows.height:
            self.ledger.count(rows[FILE][0], pairs.height - rows.height)
        return numbered(pairs, ("item_id",), self.ledger)

    def _rows(
        self,
        name: str,
        dialect: Dialect,
        columns: tuple[str, ...] | Header,
        expected: str,
        refine: Refine | None = None,
    ) -> pl.DataFrame:
        path = self.source.need(name, expected=expected)
        return read_rows(
            self.source,
            path,
            dialect,
            columns=columns,
            expected=expected,
            options=self.options,
            ledger=self.ledger,
            refine=refine,
        )
