"""Turtle (RDF 1.2 Turtle, W3C), read by pyoxigraph, which goes on behind a broken statement.

The library does not say where a triple stands. So it is given one line at a time: the line that it took last is the one
on which the triple's object ends. It checks no IRIs (`statements.row_of` does), so that one bad IRI costs one triple;
but without its checks a quote that is never closed would swallow the lines up to the next quote. `Feed` holds such
lines back.
"""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, cast

import polars as pl
from pyoxigraph import RdfFormat, parse

from training.data.errors import MalformedFile
from training.data.ledger import LINE, Ledger, originated
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition, no_triples
from training.data.readers.graphs.rdf.feed import Feed
from training.data.readers.graphs.rdf.literals import Statements
from training.data.readers.graphs.rdf.ntriples import is_ntriples
from training.data.readers.graphs.rdf.reading import INTERNED, WHAT_BECOMES, read_graph
from training.data.readers.graphs.rdf.statements import STATEMENT, BlankNodes, Row, bad, row_of
from training.data.readers.interactions.shared.heads import lines as first_lines
from training.data.readers.pieces import MAX_LINE
from training.data.readers.source import Source
from training.data.readers.text import open_text

LAYOUT = f"""\
*.ttl   prefixes, and statements of any number of lines
    @prefix ex: <http://ex.example/> .
    ex:a ex:genre ex:b , ex:c ; ex:title "A"@en .
Blank nodes are numbered: _:1@file.
{WHAT_BECOMES}"""
PATTERNS = ("*.ttl", "*.turtle")
EXPECTED = "Turtle: a statement with absolute IRIs (or @base), declared prefixes, and quotes that end on their line"
NO_STATEMENT, OPEN_QUOTE = "not a Turtle statement", "quote that its line does not close"

_PIECE = 200_000  # rows that are looked at together
_DIRECTIVE = re.compile(r"\s*(@prefix\s|@base\s|prefix\s+\S*:\s*<|base\s+<)", re.IGNORECASE)


class TurtleReader:
    """Reads Turtle, of a folder all files that are called so."""

    name = "turtle"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"triples"})

    def recognise(self, source: Source) -> Recognition:
        """Go by a prefix or base among the first lines; N-Triples is Turtle, too, but quicker read as what it is."""
        paths = source.listed or source.glob(*PATTERNS)
        first = first_lines(source, paths[0]) if paths else []
        if any(_DIRECTIVE.match(line) for line in first):
            return Recognition(0.95, f"{source.name_of(paths[0])} declares prefixes as Turtle does")
        named = bool(paths) and paths[0] in source.glob(*PATTERNS) and bool(first)
        return Recognition(0.3 if is_ntriples(first) else 0.6, "the name ends in .ttl") if named else NOT_MINE

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read file after file; see `Reader.read`."""

        def read_file(path: Path, found: Statements) -> pl.DataFrame:
            name = source.name_of(path)
            options.progress(f"reading {name}")
            file, texts = open_text(
                path, name, encoding=options.encoding, expected=EXPECTED, count_bytes=options.count_bytes
            )
            place = ledger.open(file)
            triples = [no_triples().cast(INTERNED)]
            for piece in _pieces(statements(_lines(path, texts), BlankNodes(name))):
                ledger.count(place, piece.height)
                rows = piece.with_columns(originated(place, piece[LINE]))
                triples.append(found.triples(rows).cast(INTERNED))
            return pl.concat(triples)

        return read_graph(self.name, source, PATTERNS, EXPECTED, options, ledger, read_file)


def _pieces(rows: Iterator[tuple[int, Row]]) -> Iterator[pl.DataFrame]:
    """Give tables as in `STATEMENT`, with `_line`."""
    while piece := list(islice(rows, _PIECE)):
        numbers = pl.Series(LINE, [line for line, _ in piece], dtype=pl.Int64)
        yield pl.DataFrame([row for _, row in piece], schema=STATEMENT, orient="row").with_columns(numbers)


def statements(lines: Iterable[str], blanks: BlankNodes) -> Iterator[tuple[int, Row]]:
    """Read the lines of a file, without their ends; give each triple and each problem with its line, from 1 on.

    Blank nodes are named by their order in the file.
    """
    feed, names, at_end = Feed(iter(lines)), _Ordered(blanks.file), False
    while not at_end:
        parser = parse(input=cast("IO[bytes]", feed), format=RdfFormat.TURTLE, lenient=True)
        try:
            for triple in parser:
                yield from _refused(feed)
                yield feed.line, row_of(triple.triple, names)
                feed.mark()
            at_end = True
        except (SyntaxError, MemoryError) as error:  # the latter for 16 MiB without an end
            broken = feed.resume(error, parser.prefixes, parser.base_iri)
            yield from _refused(feed)
            yield broken, bad(NO_STATEMENT)
        yield from _refused(feed)


@dataclass(frozen=True)
class _Ordered(BlankNodes):
    """Numbers in place of labels: the library draws labels at random for nodes that have none."""

    _numbers: dict[str, int] = field(default_factory=dict)

    def name(self, label: str) -> str:
        """Give the name of a node: its place among the blank nodes of the file, and the file."""
        return super().name(str(self._numbers.setdefault(label, len(self._numbers) + 1)))


def _refused(feed: Feed) -> Iterator[tuple[int, Row]]:
    while feed.refused:
        yield feed.refused.popleft(), bad(OPEN_QUOTE)


def _lines(path: Path, texts: Iterator[str]) -> Iterator[str]:
    """Cut a text that comes in pieces at the ends of its lines, of all three kinds."""
    ends, rest, line = io.IncrementalNewlineDecoder(None, translate=True), "", 1
    for text in chain(texts, [""]):
        *whole, rest = (rest + ends.decode(text, final=not text)).split("\n")
        yield from whole
        line += len(whole)
        if len(rest) > MAX_LINE:
            raise MalformedFile(path, line, f"lines of at most {MAX_LINE:,} characters", "a longer one without an end")
    if rest:
        yield rest
