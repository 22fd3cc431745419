"""The layout of KGCN and RippleNet: items linked to entities, triples of texts, and ratings where they are there."""

from pathlib import Path

import polars as pl

from training.data.errors import MissingFile
from training.data.ledger import LINE, ORIGIN, Ledger
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition, no_interactions, require_ids
from training.data.readers.graphs.triples import EXPECTED, read_triples
from training.data.readers.interactions.shared.files import Files
from training.data.readers.interactions.shared.heads import fits, lines
from training.data.readers.rows import CSV, Dialect, read_rows
from training.data.readers.source import Source

LINKS, REHASHED = "item_index2entity_id.txt", "item_index2entity_id_rehashed.txt"
LAYOUT = f"""\
{LINKS}   item TAB entity, no header
    0009990018  b8c80000-0000-0000-0000-000000000001
kg.txt   head TAB relation TAB tail, no header
    b8c80000-0000-0000-0000-000000000001  book.book.genre  s-11
Also with _rehashed in the names, and kg in parts (kg_part1.txt, ...).
Ratings, if they are there: ratings.csv (as MovieLens), ratings.dat (::),
ratings.txt (user TAB item TAB rating), ratings_final.txt (user TAB place of
the item in the links TAB 0 or 1: the zeros were drawn at random, and are
left out). Others are read by their own readers, as a source of their own."""

_GRAPHS = ("kg_rehashed.txt", "kg_part*_rehashed.txt", "kg.txt", "kg_part*.txt", "kg_final.txt")
_OTHERS = {"BX-Book-Ratings.csv": "book-crossing", "user_artists.dat": "hetrec-lastfm"}
_PAIR = r"[^\t]+\t[^\t]+"
_DRAWN = "drawn at random, no interaction"
_WHICH = {"userId": "user_id", "movieId": "item_id", "rating": "value", "timestamp": "timestamp"}


class KgcnReader:
    """Reads links and triples as they were released, and the files that KGCN's own preparation makes."""

    name = "kgcn"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"links", "triples"})

    def recognise(self, source: Source) -> Recognition:
        """Pairs in a file of links that is called so, and a graph beside it."""
        links, graph = source.find(REHASHED, LINKS), _graph(source)
        if not (links and graph and fits(lines(source, links), _PAIR)):
            return NOT_MINE
        return Recognition(1.0, f"it has {source.name_of(links)} and {source.name_of(graph[0])}")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read links, triples, and ratings; see `Reader.read`."""
        graph = _graph(source)
        if not graph:
            raise MissingFile(source.root / "kg.txt", EXPECTED)
        prepared = source.name_of(graph[0]).startswith("kg_final")
        rehashed = "_rehashed" in graph[0].name
        links = _links(source, (REHASHED, LINKS) if rehashed else (LINKS, REHASHED), options, ledger)
        triples = pl.concat([read_triples(source, path, options, ledger) for path in graph])
        files = Files(source, options, ledger, Dialect())
        interactions = _ratings(files, links)
        files.leave({name: f"give it as a source of its own: {reader}=..." for name, reader in _OTHERS.items()})
        ledger.check()
        return RawTables(
            source_format=self.name,
            interactions=interactions,
            triples=triples,
            links=_by_place(links) if prepared else links,
            warnings=files.warnings,
        )


def _graph(source: Source) -> list[Path]:
    """Find the released graph, or its parts; where it is not there, the one that KGCN's preparation made of it."""
    for patterns in (
        ("kg_rehashed.txt",),
        ("kg_part*_rehashed.txt",),
        ("kg.txt",),
        ("kg_part*.txt",),
        ("kg_final.txt",),
    ):
        if found := source.glob(*patterns):
            return found
    return []


def _links(source: Source, names: tuple[str, str], options: ReadOptions, ledger: Ledger) -> pl.DataFrame:
    expected = "2 columns separated by tabs (item, entity)"
    path = source.need(*names, expected=expected)
    columns = ("item_id", "entity_id")
    rows = read_rows(source, path, Dialect(), columns=columns, expected=expected, options=options, ledger=ledger)
    rows = require_ids(rows, columns, ledger)
    ledger.check()
    return rows.select(*ORIGIN, *columns)


def _by_place(links: pl.DataFrame) -> pl.DataFrame:
    """Name entities as the prepared graph does: by the place of their line among the links, or the last one."""
    place = (pl.col(LINE).cast(pl.Int64) - 1).max().over("entity_id")
    return links.with_columns(entity_id=place.cast(pl.String))


def _ratings(files: Files, links: pl.DataFrame) -> pl.DataFrame:
    """Read the first of the known files of ratings that is there."""
    source = files.source
    if path := source.find("ratings.csv"):
        named = {ours: theirs for theirs, ours in _WHICH.items()}
        return files.speaking(CSV).interactions(path, named, optional=("timestamp",))
    if path := source.find("ratings.dat"):
        columns = ("user_id", "item_id", "value", "timestamp")
        return files.speaking(Dialect("::")).interactions(path, columns)
    if path := source.find("ratings.txt"):
        return files.interactions(path, ("user_id", "item_id", "value"))
    if path := source.find("ratings_final.txt"):
        return _prepared(files, path, links)
    return no_interactions()


def _prepared(files: Files, path: Path, links: pl.DataFrame) -> pl.DataFrame:
    """Read the ratings that KGCN's preparation made: items stand as their place among the links."""
    places = (links[LINE].cast(pl.Int64) - 1).cast(pl.String)
    items = pl.DataFrame({"item_id": places, "_original": links["item_id"]})
    rows = files.interactions(path, ("user_id", "item_id", "value"))
    rows = rows.with_columns(pl.col("user_id", "item_id").cast(pl.String))
    drawn = rows["value"] == 0
    files.ledger.drop(rows.filter(drawn), _DRAWN)
    rows = rows.filter(~drawn).join(items, on="item_id", how="left", maintain_order="left")
    unknown = rows["_original"].is_null()
    expected = f"the number of a line of {LINKS}, counted from 0, as item"
    files.ledger.reject(rows.filter(unknown), "unknown item", expected)
    rows = rows.filter(~unknown).with_columns(item_id="_original")
    return rows.drop("_original")
