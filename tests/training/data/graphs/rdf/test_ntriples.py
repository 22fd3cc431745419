"""N-Triples: the rows of the format table, and cases C29, C30, C33 and C34."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import MissingFile, TooManyBadRows
from training.data.readers.base import ReadOptions

ReadAs = Callable[..., Any]
Write = Callable[..., Path]
DBPEDIA = "http://dbpedia.example/resource/"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
WIKIDATA = "http://www.wikidata.example/"


def test_c30_of_the_dbpedia_sample_four_triples_two_literals_and_one_bad_line_are_found(
    read: ReadAs, cases: Path
) -> None:
    found = read("ntriples", cases / "rdf/dbpedia.nt", max_bad_share=0.5)
    assert len(found.facts) == 4
    assert found.drops("dbpedia.nt") == {
        "comment": (1, (1,)),
        f"literal of {LABEL}": (1, (4,)),  # in French, and labels are asked for in English
        "literal of http://dbpedia.example/ontology/runtime": (1, (5,)),
        "IRI with a forbidden character": (1, (9,)),
    }
    assert found.file("dbpedia.nt").blank_lines == 1


def test_c33_an_escape_in_an_iri_and_the_letter_itself_are_one_entity(read: ReadAs, cases: Path) -> None:
    facts = read("ntriples", cases / "rdf/dbpedia.nt", max_bad_share=0.5).facts
    assert [head for head, _, _ in facts].count(f"{DBPEDIA}Café_Noir") == 2
    assert {head for head, _, _ in facts} == {f"{DBPEDIA}{name}" for name in ("Café_Noir", "75/27_(gun)", "555%")}


def test_c33_escapes_of_characters_that_iris_may_not_hold_are_no_way_in(read: ReadAs, write: Write) -> None:
    source = write({"a.nt": "<a:a> <a:r> <a:b\\u0020c> .\n<a:a> <a:r> <a:b\\U0000003Ec> .\n<a:a> <a:r> <a:b> .\n"})
    found = read("ntriples", source, max_bad_share=1.0)
    assert found.facts == [("a:a", "a:r", "a:b")]
    assert found.drops("a.nt") == {"IRI with a forbidden character": (2, (1, 2))}


def test_c33_percent_signs_are_left_as_they_are(read: ReadAs, write: Write) -> None:
    source = write({"a.nt": "<a:%41> <a:r> <a:A> .\n<a:%c3%a9> <a:r> <a:100%> .\n"})
    assert read("ntriples", source).facts == [("a:%41", "a:r", "a:A"), ("a:%c3%a9", "a:r", "a:100%")]


def test_c34_one_bad_iri_on_line_184839_costs_one_line(read: ReadAs, write: Write) -> None:
    lines = [f"<e:{row}> <e:r> <e:{row + 1}> ." for row in range(190_000)]
    lines[184_838] = "<e:184838> <e:r> <e:bad one> ."
    found = read("ntriples", write({"big.nt": "\n".join(lines)}))
    assert found.drops("big.nt") == {"IRI with a forbidden character": (1, (184_839,))}
    assert found.file("big.nt").rows_read == 190_000
    assert found.raw.triples.height == 189_999


def test_c34_above_the_limit_the_first_bad_line_is_named(read: ReadAs, cases: Path) -> None:
    with pytest.raises(TooManyBadRows, match=r"dbpedia.nt, line 9: expected an N-Triples statement.*Bad IRI"):
        read("ntriples", cases / "rdf/dbpedia.nt")


def test_c29_literals_of_a_wikidata_dump_are_skipped_and_counted_by_predicate(read: ReadAs, cases: Path) -> None:
    found = read("ntriples", cases / "rdf/wikidata_truthy.nt")
    assert found.facts == [
        (f"{WIKIDATA}entity/Q900001", f"{WIKIDATA}prop/direct/P57", f"{WIKIDATA}entity/Q900002"),
        (f"{WIKIDATA}entity/Q900003", f"{WIKIDATA}prop/direct/P57", f"{WIKIDATA}entity/Q900002"),
    ]
    assert found.drops("wikidata_truthy.nt") == {
        f"literal of {WIKIDATA}prop/direct/P577": (1, (2,)),
        f"literal of {WIKIDATA}prop/direct/P345": (1, (3,)),
        "literal of http://schema.example/description": (1, (4,)),
    }


def test_c29_literals_of_a_chosen_predicate_become_entities_with_their_text_as_label(read: ReadAs, cases: Path) -> None:
    options = ReadOptions(keep_literals=frozenset({f"{WIKIDATA}prop/direct/P577", "http://schema.example/description"}))
    found = read("ntriples", cases / "rdf/wikidata_truthy.nt", options=options)
    date = '"1998-01-01T00:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'
    assert found.facts[2:] == [
        (f"{WIKIDATA}entity/Q900001", f"{WIKIDATA}prop/direct/P577", date),
        (f"{WIKIDATA}entity/Q900001", "http://schema.example/description", "\"film by 'Poe'\"@en-gb"),
    ]
    assert found.raw.declared["entities"].rows() == [
        (date, "1998-01-01T00:00:00Z"),
        ("\"film by 'Poe'\"@en-gb", "film by 'Poe'"),
    ]
    assert found.drops("wikidata_truthy.nt") == {f"literal of {WIKIDATA}prop/direct/P345": (1, (3,))}


def test_c29_beyond_25_predicates_the_rarer_ones_are_counted_together(read: ReadAs, write: Write) -> None:
    lines = [f'<e:a> <e:p{place}> "x" .' for place in range(30)] + [
        f'<e:a> <e:p{place}> "y" .' for place in range(5, 30)
    ]
    found = read("ntriples", write({"a.nt": "\n".join(["<e:a> <e:r> <e:b> .", *lines])}))
    drops = found.drops("a.nt")
    assert len(drops) == 26
    assert drops["literal of a predicate that is not among the 25 most frequent"] == (5, (2, 3, 4, 5, 6))
    assert drops["literal of e:p5"] == (2, (7, 32))


C30_LINES = [
    ("tabs between terms", "<a:a>\t<a:r>\t<a:b>\t."),
    ("no blanks at all", "<a:a><a:r><a:b>."),
    ("a comment behind", "<a:a> <a:r> <a:b> . # really"),
    ("outer blanks", "  <a:a> <a:r> <a:b> .  "),
    ("Windows", "<a:a> <a:r> <a:b> .\r"),
]


@pytest.mark.parametrize(("what", "line"), C30_LINES)
def test_c30_whatever_the_grammar_allows_between_terms_is_read(
    read: ReadAs, write: Write, what: str, line: str
) -> None:
    assert read("ntriples", write({"a.nt": line + "\n"})).facts == [("a:a", "a:r", "a:b")], what


C30_LITERALS = [
    r'"say \"hi\" . <b>"@fr',
    r"'single'",
    '"x"^^<a:type>',
    '"x"@en-GB-oed',
    r'"back\\slash"',
    r'"\u00e9\U0001F600"',
    '" . "',
    '""',
    '"#"',
]


@pytest.mark.parametrize("literal", C30_LITERALS)
def test_c30_no_literal_becomes_a_node_or_breaks_its_line(read: ReadAs, write: Write, literal: str) -> None:
    found = read("ntriples", write({"a.nt": f"<a:a> <a:r> {literal} .\n<a:a> <a:r> <a:b> .\n"}), max_bad_share=1.0)
    assert found.facts == [("a:a", "a:r", "a:b")]
    reason = "not an N-Triples statement" if literal == "'single'" else "literal of a:r"
    assert found.drops("a.nt") == {reason: (1, (1,))}


BAD_LINES = [
    "<a:a> <a:r> <a:b>",
    "<a:a> <a:r> .",
    "<a:a> <a:r> <a:b> <a:c> .",
    "<a:a> <a:r> <a:b> . <a:a> <a:r> <a:b> .",
    "<a:a> _:r <a:b> .",
    '"a" <a:r> <a:b> .',
    '<a:a> <a:r> "never closed .',
    '<a:a> <a:r> "\\q" .',
    "<a:a> <a:r> <a:\\ud800> .",
    "@prefix a: <a:> .",
    "a:a a:r a:b .",
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_c34_a_line_that_is_no_statement_is_counted_and_costs_no_other(read: ReadAs, write: Write, line: str) -> None:
    good = "<a:a> <a:r> <a:b> ."
    found = read("ntriples", write({"a.nt": f"{good}\n{line}\n{good}\n"}), max_bad_share=0.5)
    assert found.facts == [("a:a", "a:r", "a:b")] * 2
    assert found.drops("a.nt") == {"not an N-Triples statement": (1, (2,))}


def test_an_iri_without_a_scheme_is_refused(read: ReadAs, write: Write) -> None:
    found = read("ntriples", write({"a.nt": "<a> <a:r> <a:b> .\n<a:a> <a:r> <> .\n"}), max_bad_share=1.0)
    assert found.drops("a.nt") == {"IRI without a scheme": (2, (1, 2))}


def test_statements_about_statements_are_left_out_without_counting_as_broken(read: ReadAs, write: Write) -> None:
    found = read("ntriples", write({"a.nt": "<a:a> <a:r> <<( <a:a> <a:r> <a:b> )>> .\n"}))
    assert found.drops("a.nt") == {"statement about a statement": (1, (1,))}


def test_blank_nodes_of_two_files_are_different_entities(read: ReadAs, write: Write) -> None:
    source = write({"a.nt": "_:x <a:r> _:y.z .\n", "b.nt": "_:x <a:r> _:é .\n"})
    assert read("ntriples", source).facts == [
        ("_:x@a.nt", "a:r", "_:y.z@a.nt"),
        ("_:x@b.nt", "a:r", "_:é@b.nt"),
    ]


def test_ids_of_freebase_lose_their_namespace_and_other_ids_do_not(read: ReadAs, write: Write) -> None:
    fb = "http://rdf.freebase.com/ns/"
    source = write({"a.nt": f"<{fb}m.0x>\t<{fb}film.film.genre>\t<{fb}m.0g>\t.\n<a:a> <a:r> <a:{fb}m.0x> .\n"})
    assert read("ntriples", source).facts == [
        ("m.0x", "film.film.genre", "m.0g"),
        ("a:a", "a:r", f"a:{fb}m.0x"),
    ]


def test_a_packed_file_is_read_as_the_plain_one(read: ReadAs, write: Write, cases: Path) -> None:
    plain = (cases / "rdf/wikidata_truthy.nt").read_bytes()
    packed = write({"dump.nt.gz": gzip.compress(plain)})
    assert read("ntriples", packed).facts == read("ntriples", cases / "rdf/wikidata_truthy.nt").facts


def test_a_folder_without_such_files_is_refused(read: ReadAs, write: Write) -> None:
    with pytest.raises(MissingFile, match=r"\*.nt"):
        read("ntriples", write({"a.txt": "x"}))
