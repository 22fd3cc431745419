"""A file read in pieces gives the rows that it gives as a whole, and the fast way gives those of the careful one."""

import itertools

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from training.data.readers import pieces, sheet
from training.data.readers.fast import parse_fast
from training.data.readers.pieces import Cut, LineTooLong, sheets
from training.data.readers.sheet import LINES, WHITESPACE, Sheet, parse_plain, parse_quoted

texts = st.text(st.sampled_from(list('ab:,\t"\\ \n\r\u2028é\x1f')), max_size=40)
separators = st.sampled_from([",", "\t", "::", ":", WHITESPACE, LINES])
hard = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let records take three lines, and first sheets five characters, so that short texts meet the limits."""
    monkeypatch.setattr(sheet, "MAX_RECORD_LINES", 3)
    monkeypatch.setattr(pieces, "_FIRST", 5)


def cut_at(text: str, places: list[int]) -> list[str]:
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(bounds)]


def whole(found: list[Sheet]) -> Sheet:
    rows, bad = pl.concat(part.rows for part in found), pl.concat(part.bad_lines for part in found)
    return Sheet(found[0].header, found[0].header_line, rows, bad, sum(part.blank_lines for part in found))


def assert_same(found: Sheet, expected: Sheet) -> None:
    assert_frame_equal(found.rows, expected.rows)
    assert found.bad_lines.to_list() == expected.bad_lines.to_list()
    assert (found.header, found.header_line, found.blank_lines) == (
        expected.header,
        expected.header_line,
        expected.blank_lines,
    )


@hard
@given(texts, st.lists(st.integers(0, 99), max_size=5), separators, st.none() | st.integers(1, 3))
@example("\r\na,b\r\n1,2", [1, 4, 8], ",", None)  # a cut between CR and LF; a blank line before the header
def test_pieces_of_plain_text_give_the_rows_of_the_whole(
    small: None, text: str, places: list[int], separator: str, width: int | None
) -> None:
    found = list(sheets(cut_at(text, places), Cut(separator), width))
    assert_same(whole(found), parse_plain(text, separator, width))


@hard
@given(
    texts,
    st.lists(st.integers(0, 99), max_size=5),
    st.sampled_from(["rfc4180", "backslash"]),
    st.sampled_from([None, 2]),
)
@example('a,b\n"1\n2\n3\n4,"x\n', [4, 6, 8, 10], "rfc4180", None)  # a quote that is not closed within three lines
def test_pieces_of_quoted_text_give_the_rows_of_the_whole(
    small: None, text: str, places: list[int], quoting: pieces.Quoting, width: int | None
) -> None:
    cut = Cut(",", quoting)
    found = list(sheets(cut_at(text, places), cut, width))
    assert_same(whole(found), parse_quoted(text, ",", width, escape=cut.escape))


@hard
@given(texts, st.sampled_from([",", "\t", "::", ":"]), st.integers(2, 3))
@example("1::2\n3::4", "::", 2)
@example(" 1,2 \n3,4\n", ",", 2)
def test_the_fast_way_gives_the_rows_of_the_careful_one_or_none(text: str, separator: str, width: int) -> None:
    found = parse_fast(text, separator, width)
    if found is not None:
        assert_same(found, parse_plain(text, separator, width))


@pytest.mark.parametrize(
    ("text", "separator", "fast"),
    [("1::2\n3::4\n", "::", True), ("a\tb\r\n\tc", "\t", True), ("1,2\n\n3,4", ",", False), ("1,2,3\n4\n", ",", False)],
)
def test_well_formed_text_takes_the_fast_way(text: str, separator: str, fast: bool) -> None:
    assert (parse_fast(text, separator, 2) is not None) == fast


def test_a_line_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MAX_LINE", 10)
    with pytest.raises(LineTooLong) as caught:
        list(sheets(["a,b\nc,d\n", "e" * 6, "e" * 6, "\n"], Cut(","), 2))
    assert caught.value.line == 3
