"""What one RDF statement says, as a row; both syntaxes give the same rows.

A row has `head` and `relation`, and then either `tail` (an IRI or a blank node), or `literal` (its text, with its
`language` or `datatype`), or `problem` (why it is no usable statement; the other columns are null). IRIs stand without
their angle brackets, their escapes decoded and nothing else changed: `%41` and `A` stay different, as RDF 1.2 Concepts
(section 3.2, IRI equality) has it.
"""

import re
from dataclasses import dataclass

import polars as pl
from pyoxigraph import BlankNode, Literal, NamedNode, Triple

STATEMENT: pl.Schema = pl.Schema(
    dict.fromkeys(("head", "relation", "tail", "literal", "language", "datatype", "problem"), pl.String)
)
NO_IRI = "IRI with a forbidden character"
RELATIVE = "IRI without a scheme"
QUOTED = "statement about a statement"
NUL = "NUL character"

Row = tuple[str | None, str | None, str | None, str | None, str | None, str | None, str | None]

IRI_CHARACTERS = r"""[^\x00-\x20<>"{}|^`\\]"""  # N-Triples, production IRIREF, without its escapes
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*:"  # RFC 3986, section 3.1
IRI = f"{_SCHEME}{IRI_CHARACTERS}*"
_CHARACTERS, _ABSOLUTE = re.compile(f"{IRI_CHARACTERS}*"), re.compile(_SCHEME)
PLAIN_TEXT = "http://www.w3.org/2001/XMLSchema#string"


@dataclass(frozen=True)
class BlankNodes:
    """Names for the blank nodes of one file: a label means something within its file only."""

    file: str

    def name(self, label: str) -> str:
        """Give the entity id of a label.

        >>> BlankNodes("film.nt").name("b0")
        '_:b0@film.nt'
        """
        return f"_:{label}@{self.file}"


def bad(problem: str) -> Row:
    """Give the row of a statement that cannot be used."""
    return (None, None, None, None, None, None, problem)


def row_of(triple: Triple, blanks: BlankNodes) -> Row:
    """Turn what the library parsed without checking IRIs into a row, and check its IRIs by the N-Triples grammar.

    RFC 3987 would forbid more (`%` alone, a second `#`), which the public dumps are full of; the grammar does not.
    """
    head, relation, target = triple.subject, triple.predicate, triple.object
    if isinstance(head, Triple) or isinstance(target, Triple):
        return bad(QUOTED)
    datatype = target.datatype.value if isinstance(target, Literal) and not target.language else None
    for term in (head, relation, target, datatype):
        problem = _problem(term)
        if problem:
            return bad(problem)
    start, name = _id(head, blanks), relation.value
    if isinstance(target, Literal):
        if "\0" in target.value:
            return bad(NUL)
        kind = None if datatype == PLAIN_TEXT else datatype
        return (start, name, None, target.value, target.language, kind, None)
    return (start, name, _id(target, blanks), None, None, None, None)


def _problem(term: NamedNode | BlankNode | Literal | str | None) -> str | None:
    iri = term.value if isinstance(term, NamedNode) else term
    if not isinstance(iri, str):
        return None
    if not _CHARACTERS.fullmatch(iri):
        return NO_IRI
    return None if _ABSOLUTE.match(iri) else RELATIVE


def _id(node: NamedNode | BlankNode, blanks: BlankNodes) -> str:
    return node.value if isinstance(node, NamedNode) else blanks.name(node.value)
