"""The layout of the KTUP paper's own release (Cao et al., WWW 2019)."""

from collections.abc import Mapping, Sequence

import polars as pl

from training.data.ledger import ORIGIN, Ledger
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
from training.data.readers.graphs.dense import DENSE, ORIGINAL, numbered, one_to_one, originals
from training.data.readers.graphs.triples import check_relations
from training.data.readers.interactions.shared.heads import lines
from training.data.readers.rows import Dialect, read_rows
from training.data.readers.source import Source
from training.data.readers.times import parse_timestamp
from training.data.schema import SPLITS

USERS, ITEMS, ENTITIES, RELATIONS = "u_map.dat", "i_map.dat", "kg/e_map.dat", "kg/r_map.dat"
LINKS, RATINGS = "i2kg_map.tsv", "ratings.txt"
FOLDER = "rs/"  # where UPGAN (He et al., WWW 2020) has what is not the graph

LAYOUT = f"""\
{{train,valid,test}}.dat        user TAB item TAB rating, dense ids
{USERS} {ITEMS}         dense id TAB original id
{LINKS}                original item id TAB title TAB entity
kg/{{train,valid,test}}.dat     head TAB tail TAB relation, dense ids
{ENTITIES} {RELATIONS}   dense id TAB IRI
    0  3  0
    1  3  0
No headers; quotes are characters like any other. Original ids are kept.
Or as UPGAN has it: the maps and links in rs/, without titles; in place
of the three files of ratings rs/{RATINGS} (ORIGINAL user TAB item TAB rating
[TAB time]); and kg/{{train,valid,test}}.dat as head TAB RELATION TAB tail."""


class KtupReader:
    """Reads the paper's layout, all of whose eleven files must be there, or UPGAN's with its folder `rs`."""

    name = "ktup"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions", "triples", "links"})

    def recognise(self, source: Source) -> Recognition:
        """Go by the names of the maps, which no other format has."""
        maps = (USERS, ITEMS, ENTITIES, RELATIONS, LINKS)
        there = [name for name in maps if source.find(name, FOLDER + name)]
        return Recognition(len(there) / 5, f"it has {', '.join(there)}") if there else NOT_MINE

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read the maps first, then what names their ids; see `Reader.read`."""
        files = _Files(source, options, ledger)
        maps = {name: files.map(name) for name in (USERS, ITEMS, ENTITIES, RELATIONS)}
        if files.of_upgan:
            interactions = files.ratings(maps)
        else:
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
        self.of_upgan = source.find(FOLDER + USERS) is not None and source.find(USERS) is None

    def map(self, name: str) -> pl.DataFrame:
        """Read a map as "dense id" (int64) and "original id", both unique."""
        rows = one_to_one(self._rows(name, (DENSE, ORIGINAL)), self._ledger)
        self._ledger.check()
        return rows.select(DENSE, ORIGINAL)

    def interactions(self, split: str, maps: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Read one split of the ratings, with original ids; the rating becomes the value."""
        rows = numbered(self._rows(f"{split}.dat", ("user", "item", "rating")), ("user", "item"), self._ledger)
        rows = parse_value(rows, "rating", self._ledger)
        rows = originals(rows, "user", maps[USERS], USERS, self._ledger)
        rows = originals(rows, "item", maps[ITEMS], ITEMS, self._ledger)
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
        order = ("head", "relation", "tail") if self.of_upgan else ("head", "tail", "relation")
        rows = self._rows(f"kg/{split}.dat", order)
        rows = numbered(rows, ("head", "tail", "relation"), self._ledger)
        check_relations(rows, maps[RELATIONS][DENSE], RELATIONS, ", ".join(order), self._ledger)
        for column, name in (("head", ENTITIES), ("tail", ENTITIES), ("relation", RELATIONS)):
            rows = originals(rows, column, maps[name], name, self._ledger)
        self._ledger.check()
        return rows.select(*ORIGIN, "head", "relation", "tail", split=pl.lit(split))

    def links(self) -> pl.DataFrame:
        """Read the alignment as `item_id`, `title`, `entity_id`; the last two may be empty."""
        titled = self._width(LINKS) != 2
        rows = self._rows(LINKS, ("item_id", "title", "entity_id") if titled else ("item_id", "entity_id"))
        rows = require_ids(rows, ("item_id",), self._ledger)
        self._ledger.check()
        return rows if titled else rows.with_columns(title=pl.lit(""))

    def ratings(self, maps: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Read UPGAN's ratings, which have original ids; those of users and items without a number are left out."""
        columns = ("user_id", "item_id", "value", "timestamp")[: 4 if self._width(RATINGS) == 4 else 3]
        rows = require_ids(self._rows(RATINGS, columns), columns[:2], self._ledger)
        for column, name in (("user_id", USERS), ("item_id", ITEMS)):
            known = rows[column].is_in(maps[name][ORIGINAL].implode())
            self._ledger.drop(rows.filter(~known), f"{column} without a number in {name}")
            rows = rows.filter(known)
        rows = parse_value(rows, "value", self._ledger)
        if "timestamp" not in columns:
            return rows.with_columns(timestamp=pl.lit(None, dtype=pl.Int64))
        rows = parse_timestamp(rows, "timestamp", self._options.time_unit, self._ledger)
        self._ledger.check()
        return rows

    def _rows(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        expected = f"{len(columns)} columns separated by tabs ({', '.join(columns)})"
        return read_rows(
            self._source,
            self._source.need(self._name(name), expected=expected),
            Dialect(),
            columns=columns,
            expected=expected,
            options=self._options,
            ledger=self._ledger,
        )

    def _name(self, name: str) -> str:
        return FOLDER + name if self.of_upgan and not name.startswith("kg/") else name

    def _width(self, name: str) -> int:
        """Count the cells of the first line."""
        return len(next(iter(lines(self._source, self._source.find(self._name(name)))), "").split("\t"))


def _with_entity(links: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    named = links["entity_id"] != ""
    ledger.drop(links.filter(~named), "no entity named")
    return links.filter(named).select(*ORIGIN, "item_id", "entity_id")
