"""From RDF files to the tables of a source: what both syntaxes share."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from training.data.errors import MissingFile
from training.data.ledger import Ledger
from training.data.readers.base import RawTables, ReadOptions, no_triples
from training.data.readers.graphs.rdf.literals import Statements
from training.data.readers.source import Source

TRIPLE = ("head", "relation", "tail")
INTERNED = no_triples().with_columns(pl.col(TRIPLE).cast(pl.Categorical)).schema
WHAT_BECOMES = """\
IRIs become ids with their escapes decoded (Freebase's without its namespace:
m.0x), blank nodes end in @file. Literals are skipped and counted
by predicate, but for labels (rdfs:label, schema:name, foaf:name, Freebase's
type.object.name) in the language (en unless told otherwise) or in none, and
for the predicates whose literals are to be kept: those become entities.
A bad line costs itself and is counted. Packed files (.gz) are fine."""

ReadFile = Callable[[Path, Statements], pl.DataFrame]


def read_graph(
    source_format: str,
    source: Source,
    patterns: Sequence[str],
    expected: str,
    options: ReadOptions,
    ledger: Ledger,
    read_file: ReadFile,
) -> RawTables:
    """Read the files that were named, or all of a folder that fit a pattern; see `Reader.read`."""
    paths = source.listed or source.glob(*patterns)
    if not paths:
        raise MissingFile(source.root / patterns[0], expected)
    statements = Statements(options, ledger, expected)
    tables = [read_file(path, statements) for path in paths]
    statements.leave_literals()
    ledger.check()
    triples = pl.concat([no_triples().cast(INTERNED), *tables])
    ends = pl.concat([triples["head"].unique(), triples["tail"].unique()]).unique().cast(pl.String)
    entities, relations = statements.labels(ends, triples["relation"].unique().cast(pl.String))
    warnings = () if triples.height or entities.is_empty() else (_NOTHING_BUT_LABELS,)
    return RawTables(
        source_format=source_format,
        declared={"entities": entities, "relations": relations},
        triples=triples,
        warnings=warnings,
    )


_NOTHING_BUT_LABELS = (
    "these files have labels and no triples, so each label declares an entity; labels of a graph are best read "
    "with it, as one source: a folder, or a glob"
)
