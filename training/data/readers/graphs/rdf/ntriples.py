"""N-Triples (RDF 1.2 N-Triples, W3C): one statement a line.

Lines of the plain kind (full IRIs, no escapes) are taken apart by one regular expression over a whole column. All other
lines are judged one by one by pyoxigraph, so that what is broken costs its own line and nothing else.
"""

from pathlib import Path

import polars as pl
from pyoxigraph import RdfFormat, parse

from training.data.ledger import ORIGIN, Ledger
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition
from training.data.readers.graphs.rdf.literals import Statements
from training.data.readers.graphs.rdf.reading import TRIPLE, WHAT_BECOMES, read_graph
from training.data.readers.graphs.rdf.statements import IRI, PLAIN_TEXT, STATEMENT, BlankNodes, Row, bad, row_of
from training.data.readers.interactions.shared.heads import fits, lines
from training.data.readers.rows import Dialect, read_rows
from training.data.readers.source import Source

LAYOUT = f"""\
*.nt   one statement a line, comments begin with #
    <http://ex.example/a> <http://ex.example/genre> <http://ex.example/b> .
    <http://ex.example/a> <http://www.w3.org/2000/01/rdf-schema#label> "A"@en .
{WHAT_BECOMES}"""
PATTERNS = ("*.nt", "*.ntriples")
EXPECTED = "an N-Triples statement: <head> <relation> <tail> ."
COMMENT = "comment"
NO_STATEMENT = "not an N-Triples statement"

_ROUGHLY = r"\s*(<[^>]*>|_:\S+)\s*<[^>]*>\s*((<[^>]*>|_:\S+)\s*|\".*)\.\s*(#.*)?"


def _node(name: str) -> str:
    return rf"(?:<(?P<{name}>{IRI})>|(?P<{name}_blank>_:[A-Za-z0-9_]+))"


_LITERAL = rf'"(?P<literal>[^"\\\r\n]*)"(?:@(?P<language>[A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^<(?P<datatype>{IRI})>)?'
_PLAIN = rf"^{_node('head')}[ \t]*<(?P<relation>{IRI})>[ \t]*(?:{_node('tail')}|{_LITERAL})[ \t]*\.$"


class NTriplesReader:
    """Reads N-Triples, of a folder all files that are called so."""

    name = "ntriples"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"triples"})

    def recognise(self, source: Source) -> Recognition:
        """Nearly all first lines are statements."""
        paths = source.listed or source.glob(*PATTERNS)
        first = lines(source, paths[0]) if paths else []
        if not is_ntriples(first):
            return NOT_MINE
        return Recognition(1.0, f"the lines of {source.name_of(paths[0])} are N-Triples statements")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read file after file; see `Reader.read`."""

        def read_file(path: Path, found: Statements) -> pl.DataFrame:
            blanks = BlankNodes(source.name_of(path))

            def refine(rows: pl.DataFrame) -> pl.DataFrame:
                comment = rows["line"].str.starts_with("#")
                ledger.drop(rows.filter(comment), COMMENT)
                rows = rows.filter(~comment)
                taken = statements(rows["line"], blanks)
                return found.triples(taken.with_columns(rows[column] for column in ORIGIN))

            return read_rows(
                source,
                path,
                Dialect(Dialect.LINES),
                columns=("line",),
                expected=EXPECTED,
                options=options,
                ledger=ledger,
                refine=refine,
                intern=TRIPLE,
            )

        return read_graph(self.name, source, PATTERNS, EXPECTED, options, ledger, read_file)


def is_ntriples(first: list[str]) -> bool:
    """Say whether lines are statements, comments aside."""
    return fits([line for line in first if not line.lstrip().startswith("#")], _ROUGHLY)


def statements(lines: pl.Series, blanks: BlankNodes) -> pl.DataFrame:
    """Take lines apart.

    Args:
        lines: (n,) texts without line ends and outer blanks; none is blank or a comment.
        blanks: how the file's blank nodes are called.

    Returns:
        n rows as in `STATEMENT`, in the order of the lines.
    """
    taken = lines.to_frame("line").select(pl.col("line").str.extract_groups(_PLAIN).alias("parts")).unnest("parts")
    table = _named(taken, blanks).with_columns(problem=pl.lit(None, dtype=pl.String)).select(STATEMENT.names())
    odd = table["relation"].is_null()
    if not odd.any():
        return table
    judged = pl.DataFrame([judge(line, blanks) for line in lines.filter(odd)], schema=STATEMENT, orient="row")
    numbered = pl.concat([table.filter(~odd), judged])
    places = pl.concat([odd.not_().arg_true(), odd.arg_true()])
    return numbered.with_columns(places.alias("_place")).sort("_place").drop("_place")


def judge(line: str, blanks: BlankNodes) -> Row:
    """Let the library read one line that is neither blank nor a comment."""
    try:
        triples = list(parse(input=line, format=RdfFormat.N_TRIPLES, lenient=True))
    except (SyntaxError, MemoryError):  # the latter for more than 16 MiB
        return bad(NO_STATEMENT)
    return row_of(triples[0].triple, blanks) if len(triples) == 1 else bad(NO_STATEMENT)


def _named(parts: pl.DataFrame, blanks: BlankNodes) -> pl.DataFrame:
    """Put the blank nodes' names into the columns of their ends."""
    ends = [
        pl.coalesce(pl.col(end), pl.col(f"{end}_blank") + pl.lit(f"@{blanks.file}")).alias(end)
        for end in ("head", "tail")
    ]
    language = pl.col("language").str.to_lowercase()  # as the library does (RFC 5646, 2.1.1)
    return parts.with_columns(*ends, language, pl.col("datatype").replace(PLAIN_TEXT, None))
