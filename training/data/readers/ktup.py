"""The layout of the KTUP paper's own release (Cao et al., WWW 2019)."""

from collections.abc import Mapping, Sequence

import polars as pl

from training.data.errors import ColumnOrder
from training.data.ledger import FILE, LINE, ORIGIN, Ledger, sift
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
from training.data.readers.rows import Dialect, read_rows
from training.data.readers.source import Source
from training.data.schema import SPLITS

USERS, ITEMS, ENTITIES, RELATIONS = "u_map.dat", "i_map.dat", "kg/e_map.dat", "kg/r_map.dat"
LINKS = "i2kg_map.tsv"
DENSE, ORIGINAL = "dense id", "original id"

LAYOUT = f"""\
{{train,valid,test}}.dat        user TAB item TAB rating, dense ids
{USERS} {ITEMS}         dense id TAB original id
{LINKS}                original item id TAB title TAB entity
kg/{{train,valid,test}}.dat     head TAB tail TAB relation, dense ids
{ENTITIES} {RELATIONS}   dense id TAB IRI
No headers; quotes are characters like any other. Original ids are kept."""


class KtupReader:
    """Reads the paper's layout. All of its eleven files must be there."""

    name = "ktup"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions", "triples", "links"})

    def recognise(self, source: Source) -> Recognition:
        """Go by the names of the maps, which no other format has."""
        there = [name for name in (USERS, ITEMS, ENTITIES, RELATIONS, LINKS) if source.find(name)]
        return Recognition(len(there) / 5, f"it has {', '.join(there)}") if there else NOT_MINE

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read the maps first, then what names their ids; see `Reader.read`."""
        files = _Files(source, options, ledger)
        maps = {name: files.map(name) for name in (USERS, ITEMS, ENTITIES, RELATIONS)}
        interactions = pl.concat([files.interactions(split, maps) for split in SPLITS])
        triples = pl.concat([files.triples(split, maps) for split in SPLITS])
        links = files.links()
        titles = first_labels(links, "item_id", "title")
        return RawTables(
            source_format=self.name,
            declared={
                "users": maps[USERS].select(user_id=ORIGINAL),
                "items": maps[ITEMS]
                .select(item_id=ORIGINAL)
                .join(titles, on="item_id", how="left", maintain_order="left"),
                "entities": maps[ENTITIES].select(entity_id=ORIGINAL, label=pl.lit(None, dtype=pl.String)),
                "relations": maps[RELATIONS].select(relation_id=ORIGINAL, label=pl.lit(None, dtype=pl.String)),
            },
            interactions=interactions,
            triples=triples,
            links=_with_entity(links, ledger),
            relations_are_declared=True,
        )


class _Files:
    """The files of one source directory."""

    def __init__(self, source: Source, options: ReadOptions, ledger: Ledger) -> None:
        self._source, self._options, self._ledger = source, options, ledger

    def map(self, name: str) -> pl.DataFrame:
        """Read a map as "dense id" (int64) and "original id", both unique."""
        ledger = self._ledger
        rows = _numbered(self._rows(name, (DENSE, ORIGINAL)), (DENSE,), ledger)
        rows = require_ids(rows, (ORIGINAL,), ledger)
        first = rows.select(pl.struct(DENSE, ORIGINAL).is_first_distinct()).to_series()
        ledger.drop(rows.filter(~first), "repeated row")
        rows = rows.filter(first)
        for column in (DENSE, ORIGINAL):
            rows = sift(rows, pl.col(column).is_first_distinct(), ledger, f"{column} again", f"each {column} once")
        ledger.keep(rows)
        ledger.check()
        return rows.select(DENSE, ORIGINAL)

    def interactions(self, split: str, maps: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Read one split of the ratings, with original ids; the rating becomes the value."""
        rows = _numbered(self._rows(f"{split}.dat", ("user", "item", "rating")), ("user", "item"), self._ledger)
        rows = parse_value(rows, "rating", self._ledger)
        rows = _original(rows, "user", USERS, maps, self._ledger)
        rows = _original(rows, "item", ITEMS, maps, self._ledger)
        self._ledger.check()
        return rows.select(
            *ORIGIN,
            user_id="user",
            item_id="item",
            value="rating",
            timestamp=pl.lit(None, dtype=pl.Int64),
            split=pl.lit(split),
        )

    def triples(self, split: str, maps: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Read one split of the graph, with IRIs in place of the dense ids."""
        rows = self._rows(f"kg/{split}.dat", ("head", "tail", "relation"))
        rows = _numbered(rows, ("head", "tail", "relation"), self._ledger)
        self._check_order(rows, maps[RELATIONS])
        for column, name in (("head", ENTITIES), ("tail", ENTITIES), ("relation", RELATIONS)):
            rows = _original(rows, column, name, maps, self._ledger)
        self._ledger.check()
        return rows.select(*ORIGIN, "head", "relation", "tail", split=pl.lit(split))

    def links(self) -> pl.DataFrame:
        """Read the alignment as `item_id`, `title`, `entity_id`; the last two may be empty."""
        rows = require_ids(self._rows(LINKS, ("item_id", "title", "entity_id")), ("item_id",), self._ledger)
        self._ledger.check()
        return rows

    def _rows(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        expected = f"{len(columns)} columns separated by tabs ({', '.join(columns)})"
        return read_rows(
            self._source,
            self._source.need(name, expected=expected),
            Dialect(),
            columns=columns,
            expected=expected,
            options=self._options,
            ledger=self._ledger,
        )

    def _check_order(self, rows: pl.DataFrame, relations: pl.DataFrame) -> None:
        strange = rows.filter(~pl.col("relation").is_in(relations[DENSE].implode()))
        if strange.height * 2 > rows.height:
            source, line = self._ledger.source(strange[FILE][0]), strange[LINE][0]
            expected = f"head, tail, relation with one of the {relations.height} relations of {RELATIONS}"
            raise ColumnOrder(source.path, line, expected, source.line(line))


def _numbered(rows: pl.DataFrame, columns: Sequence[str], ledger: Ledger) -> pl.DataFrame:
    for column in columns:
        number = pl.col(column).cast(pl.Int64, strict=False)
        rows = sift(rows, number >= 0, ledger, f"{column} is not a dense id", f"a whole number from 0 as {column}")
        rows = rows.with_columns(number)
    return rows


def _original(
    rows: pl.DataFrame, column: str, name: str, maps: Mapping[str, pl.DataFrame], ledger: Ledger
) -> pl.DataFrame:
    rows = rows.join(maps[name], left_on=column, right_on=DENSE, how="left", maintain_order="left")
    expected = f"{column} to be listed in {name}"
    return sift(
        rows.drop(column).rename({ORIGINAL: column}),
        pl.col(column).is_not_null(),
        ledger,
        f"unknown {column}",
        expected,
    )


def _with_entity(links: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    named = links["entity_id"] != ""
    ledger.drop(links.filter(~named), "no entity named")
    return links.filter(named).select(*ORIGIN, "item_id", "entity_id")
