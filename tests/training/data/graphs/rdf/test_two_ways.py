"""The quick way through a column of lines and the library's way through each line see the same."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.readers.graphs.rdf.ntriples import judge, statements
from training.data.readers.graphs.rdf.statements import STATEMENT, BlankNodes

FILE = BlankNodes("f.nt")

iris = st.from_regex(r'<([a-z]+:)?[a-zA-Z%#é /\\u0-9{}<>"^.-]{0,8}>', fullmatch=True) | st.sampled_from(
    ["<a:b>", "<A+1.-:>", "<a:\\u00E9>", "<1:a>", "<a:\x7f>", "<a:\x01>", "<:a>", "<>"]
)
blanks = st.from_regex(r"_:[a-zA-Z0-9_.é-]{1,4}", fullmatch=True)
texts = st.from_regex(r'"([a-z é<>.#\t]|\\[tn"\\uq]|\\u00e9|"){0,6}"', fullmatch=True)
kinds = st.sampled_from(
    ["", "@en", "@EN-gb", "@en-", "@e1", "@zh-classicalx", "^^<a:t>", "^^<t>", "^^<a:\\u00e9>", "@en--ltr", "^^"]
) | st.just("^^<http://www.w3.org/2001/XMLSchema#string>")
literals = st.tuples(texts, kinds).map("".join)
nodes = iris | blanks
gaps = st.sampled_from([" ", "\t", "", "  ", " \t", "\xa0"])
ends = st.sampled_from([".", " .", " . # x", "", " . .", ".."])
well_made = st.tuples(nodes, gaps, iris, gaps, nodes | literals, ends).map("".join)
lines = (
    (well_made | st.text(max_size=30))
    .map(lambda line: line.replace("\n", "").replace("\r", "").replace("\0", "").strip())
    .filter(lambda line: bool(line) and not line.startswith("#"))
)


@settings(max_examples=400, deadline=None)
@given(st.lists(lines, min_size=1, max_size=20))
def test_the_quick_way_and_the_library_agree_on_every_line(given_lines: list[str]) -> None:
    quick = statements(pl.Series(given_lines, dtype=pl.String), FILE)
    slow = pl.DataFrame([judge(line, FILE) for line in given_lines], schema=STATEMENT, orient="row")
    assert quick.rows() == slow.rows()


def test_lines_of_the_plain_kind_take_the_quick_way() -> None:
    plain = ["<a:b> <a:r> <a:c> .", '<a:b> <a:r> "x"@en .', '<a:b> <a:r> "x"^^<a:t> .', "_:b <a:r> _:c ."]
    assert statements(pl.Series(plain * 2), FILE).height == 8


def test_capitals_of_a_language_tag_mean_nothing_on_either_way() -> None:
    lines = pl.Series(['<a:b> <a:b> "x"@EN-gb .', '<a:b> <a:b> "\\u0078"@EN-gb .'])  # plain, and for the library
    assert statements(lines, FILE)["language"].to_list() == ["en-gb", "en-gb"]
