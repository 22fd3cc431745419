"""KB4Rec: which item is which entity of Freebase or YAGO, and the part of Freebase around them."""

from collections import Counter
from pathlib import Path

import polars as pl

from training.data.errors import BadOption, MissingFile
from training.data.ledger import ORIGIN, Ledger, sift
from training.data.readers.base import (
    NOT_MINE,
    Part,
    RawTables,
    ReadOptions,
    Recognition,
    no_links,
    no_triples,
    require_ids,
)
from training.data.readers.graphs.freebase import spelled_alike
from training.data.readers.graphs.triples import HEAD_RELATION_TAIL
from training.data.readers.interactions.shared.heads import fits, lines
from training.data.readers.rows import Dialect, read_rows
from training.data.readers.source import Source
from training.data.readers.text import check_readable

LAYOUT = """\
ml2fb.txt lfb2fb.txt ab2fb.txt ml2yago.txt ...   item TAB entity, one such file
    25991  m.09pglcq
    25993  m.0cjwhb
If you have it, the part of Freebase around them, head TAB relation TAB tail:
    <http://rdf.freebase.com/ns/m.09p001>  <http://rdf.freebase.com/ns/film.film.genre>  <...>  .
    /m/0cj002  /film/film/genre  /m/0gen1
All three spellings of Freebase's ids become m.0x. Where items have something
before their number (movie_10), say so: the item prefix is taken off.
Links belong to one release of the items: ml2fb.txt to MovieLens 20M."""

_LINK = r"[^\t]+\t<?([mg]\.0\w+|/[mg]/0\w+|https?://\S+)>?"
_END = "\t."  # of a line that was cut out of a dump of N-Triples
_LINKS, _TRIPLES = "2 columns separated by tabs (item, entity)", "3 columns separated by tabs (head, relation, tail)"
_LITERAL = "literal"
_COMMON_PREFIX = r"^([A-Za-z_:/\-]+)\d+$"


class Kb4RecReader:
    """Reads links, triples beside them, or links alone."""

    name = "kb4rec"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"links", "triples"})

    def recognise(self, source: Source) -> Recognition:
        """Pairs of an item and an entity of Freebase; not all of them in a file that is called otherwise."""
        links = [path for path in _files(source) if fits(lines(source, path), _LINK)]
        if not links or source.find("kg.txt", "item_list.txt"):
            return NOT_MINE
        return Recognition(0.9, f"{source.name_of(links[0])} pairs items with ids of Freebase or YAGO")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Tell links from triples by their first lines; see `Reader.read`."""
        for path in _files(source):
            check_readable(path)
        kinds = {path: _kind(lines(source, path)) for path in _files(source)}
        paired, graph, others = ([path for path in kinds if kinds[path] == kind] for kind in ("links", "triples", None))
        if not paired and not graph:
            raise MissingFile(source.root / "ml2fb.txt", _LINKS)
        if len(paired) > 1:
            names = ", ".join(map(source.name_of, paired))
            reason = f"holds links of several releases ({names}); name the file that belongs to your items"
            raise BadOption(str(source.root), reason)
        links = pl.concat([no_links(), *(_links(source, path, options, ledger) for path in paired)])
        triples = pl.concat([no_triples(), *(_triples(source, path, options, ledger) for path in graph)])
        ledger.check()
        unused = [f"{source.name_of(path)} is not used: it has neither two nor three columns" for path in others]
        return RawTables(source_format=self.name, links=links, triples=triples, warnings=[*_prefixes(links), *unused])


def _files(source: Source) -> list[Path]:
    return list(source.listed) or source.glob("*.txt", "*.tsv", "*.nt", "*.dat")


def _kind(first: list[str]) -> str | None:
    """Tell links from triples by what most of the first lines are."""
    cells = Counter(len(line.rstrip().removesuffix(_END).split("\t")) for line in first)
    if not cells[2] and not cells[3]:
        return None
    return "links" if cells[2] > cells[3] else "triples"


def _links(source: Source, path: Path, options: ReadOptions, ledger: Ledger) -> pl.DataFrame:
    columns = ("item_id", "entity_id")

    def refine(rows: pl.DataFrame) -> pl.DataFrame:
        rows = require_ids(rows, columns, ledger).with_columns(spelled_alike("entity_id"))
        if options.item_prefix:
            prefixed = pl.col("item_id").str.starts_with(options.item_prefix)
            rows = sift(
                rows, prefixed, ledger, "item without the prefix", f"an item that begins with {options.item_prefix}"
            )
            rows = rows.with_columns(pl.col("item_id").str.strip_prefix(options.item_prefix))
        return require_ids(rows, ("item_id",), ledger).select(*ORIGIN, *columns)

    return read_rows(
        source,
        path,
        Dialect(),
        columns=columns,
        expected=_LINKS,
        options=options,
        ledger=ledger,
        refine=refine,
    )


def _triples(source: Source, path: Path, options: ReadOptions, ledger: Ledger) -> pl.DataFrame:
    def refine(rows: pl.DataFrame) -> pl.DataFrame:
        cells = pl.col("line").str.strip_suffix(_END).str.split_exact("\t", 3).alias("cells")
        rows = rows.select(*ORIGIN, cells).unnest("cells")
        three = pl.col("field_2").is_not_null() & pl.col("field_3").is_null()
        rows = sift(rows, three, ledger, "wrong number of columns", _TRIPLES)
        cells_of = {name: pl.col(f"field_{place}").str.strip_chars() for place, name in enumerate(HEAD_RELATION_TAIL)}
        rows = require_ids(rows.select(*ORIGIN, **cells_of), HEAD_RELATION_TAIL, ledger)
        literal = rows["tail"].str.starts_with('"')
        ledger.drop(rows.filter(literal), _LITERAL)
        return rows.filter(~literal).with_columns(spelled_alike(column) for column in HEAD_RELATION_TAIL)

    rows = read_rows(
        source,
        path,
        Dialect(Dialect.LINES),
        columns=("line",),
        expected=_TRIPLES,
        options=options,
        ledger=ledger,
        refine=refine,
    )
    return rows.select(*ORIGIN, *HEAD_RELATION_TAIL)


def _prefixes(links: pl.DataFrame) -> list[str]:
    """Tell of a prefix that all items share, which their ids elsewhere may not have."""
    prefixes = links["item_id"].str.extract(_COMMON_PREFIX).unique()
    if len(prefixes) != 1 or prefixes[0] is None:
        return []
    return [
        f"every item of the links begins with {prefixes[0]!r}; if your items do not, say --item-prefix {prefixes[0]}"
    ]
