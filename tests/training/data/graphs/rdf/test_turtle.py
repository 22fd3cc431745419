"""Turtle: statements of many lines, recovery behind broken ones, and the lines that are named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import TooManyBadRows, UndecodableFile
from training.data.readers.base import ReadOptions

ReadAs = Callable[..., Any]
Write = Callable[..., Path]
PREFIX = "@prefix e: <http://e.example/> .\n"
E = "http://e.example/"


def short(found: Any) -> list[str]:
    return [" ".join(ids).replace(E, "") for ids in found.facts]


def test_lists_of_objects_and_predicates_give_a_triple_each(read: ReadAs, write: Write) -> None:
    text = f"{PREFIX}e:a e:genre e:b ,\n    e:c ;\n  a e:Film .\n"
    found = read("turtle", write({"a.ttl": text}))
    assert short(found) == ["a genre b", "a genre c", "a http://www.w3.org/1999/02/22-rdf-syntax-ns#type Film"]
    assert found.raw.triples["_line"].to_list() == [2, 3, 4]


def test_n_triples_are_turtle_and_give_the_same(read: ReadAs, write: Write, cases: Path) -> None:
    lines = (cases / "rdf/dbpedia.nt").read_bytes()
    as_turtle = read("turtle", write({"dbpedia.ttl": lines}), max_bad_share=0.5)
    as_n_triples = read("ntriples", cases / "rdf/dbpedia.nt", max_bad_share=0.5)
    assert as_turtle.facts == as_n_triples.facts
    assert as_turtle.raw.triples["_line"].to_list() == as_n_triples.raw.triples["_line"].to_list() == [2, 3, 6, 8]
    expected = as_n_triples.drops("dbpedia.nt")
    del expected["comment"]
    assert as_turtle.drops("dbpedia.ttl") == expected


def test_c34_one_bad_iri_costs_one_triple_of_its_statement(read: ReadAs, write: Write) -> None:
    source = write({"a.ttl": f"{PREFIX}e:a e:r <http://e.example/b c> , e:d .\ne:a e:r e:f .\n"})
    found = read("turtle", source, max_bad_share=0.5)
    assert short(found) == ["a r d", "a r f"]
    assert found.drops("a.ttl") == {"IRI with a forbidden character": (1, (2,))}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("x:a e:r e:b .", "not a Turtle statement"),
        ("e:a e:r .", "not a Turtle statement"),
        ("e:a e:r e:b e:c", "not a Turtle statement"),
        ('e:a e:r "never closed .', "quote that its line does not close"),
        ("e:a e:r 'never closed .", "quote that its line does not close"),
        ("<a> e:r e:b .", "IRI without a scheme"),
    ],
)
def test_c34_a_broken_statement_is_named_and_those_behind_it_are_read(
    read: ReadAs, write: Write, broken: str, reason: str
) -> None:
    good = "e:a e:r e:good .\n" * 3
    found = read("turtle", write({"a.ttl": f"{PREFIX}{good}\n{broken}\n{good}"}), max_bad_share=1.0)
    assert found.drops("a.ttl")[reason][1][0] == 6
    assert set(short(found)) <= {"a r good", "a r b"}  # nothing is made up of two statements
    assert short(found).count("a r good") >= 5  # the statement behind one without a dot may go with it


def test_c06_a_lone_quote_swallows_no_line_up_to_the_next_quote(read: ReadAs, write: Write) -> None:
    text = f'{PREFIX}e:a e:label "Odd Al .\ne:b e:r e:c .\ne:d e:r e:f .\ne:g e:label "Al" .\n'
    found = read("turtle", write({"a.ttl": text}), max_bad_share=0.5)
    assert short(found) == ["b r c", "d r f"]
    assert found.drops("a.ttl") == {
        "quote that its line does not close": (1, (2,)),
        f"literal of {E}label": (1, (5,)),
    }


def test_long_texts_escapes_and_comments_hold_quotes_as_they_like(read: ReadAs, write: Write) -> None:
    text = (
        f'{PREFIX}e:a e:p """one "quote"\nand \\""" <e:x> .\n# it\'s "\n""" ; e:r e:b . # don\'t\n'
        "e:c e:r e:O\\'Hara , <http://e.example/O'Brien#\"> .\ne:c e:p 'it\\'s' , 'a \"b' ; e:r e:d .\n"
    )
    found = read("turtle", write({"a.ttl": text}), max_bad_share=1.0)
    assert short(found) == ["a r b", "c r d"]  # an IRI with a quote leaves that quote open: the line is refused
    assert found.drops("a.ttl")["quote that its line does not close"] == (1, (6,))
    good = read("turtle", write({"a.ttl": text.replace('#">', "#>")}))
    assert short(good) == ["a r b", "c r O'Hara", "c r O'Brien#", "c r d"]
    assert good.drops("a.ttl") == {f"literal of {E}p": (3, (5, 7, 7))}


def test_blank_nodes_are_numbered_in_their_order(read: ReadAs, write: Write) -> None:
    source = write({"a.ttl": f"{PREFIX}e:a e:r [ e:p e:b ] , [] .\n_:own e:r e:c .\n"})
    first, second = short(read("turtle", source)), short(read("turtle", source))
    assert first == second == ["_:1@a.ttl p b", "a r _:1@a.ttl", "a r _:2@a.ttl", "_:3@a.ttl r c"]


def test_a_base_makes_short_iris_whole(read: ReadAs, write: Write) -> None:
    source = write({"a.ttl": "@base <http://e.example/> .\n<a> <r> <b> .\n"})
    assert short(read("turtle", source)) == ["a r b"]


def test_a_line_longer_than_what_the_library_asks_for_is_read(read: ReadAs, write: Write) -> None:
    name = "x" * 100_000
    assert short(read("turtle", write({"a.ttl": f"{PREFIX}e:a e:r e:{name} .\n"}))) == [f"a r {name}"]


def test_above_the_limit_the_first_broken_line_is_named(read: ReadAs, write: Write) -> None:
    with pytest.raises(TooManyBadRows, match=r"a.ttl, line 3: expected Turtle"):
        read("turtle", write({"a.ttl": f"{PREFIX}e:a e:r e:b .\nx:a e:r e:b .\n"}))


def test_a_file_that_is_not_utf8_needs_an_encoding(read: ReadAs, write: Write) -> None:
    source = write({"a.ttl": PREFIX.encode() + b"e:a e:r e:Caf\xe9 .\n"})
    with pytest.raises(UndecodableFile, match=r"a.ttl, line 2"):
        read("turtle", source)
    found = read("turtle", source, options=ReadOptions(encoding="latin-1"))
    assert short(found) == ["a r Café"]
    assert found.file("a.ttl").encoding == "latin-1"
