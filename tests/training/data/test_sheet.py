"""Cases C03, C06, C07, C09 and C12: text to rows."""

from pathlib import Path

import polars as pl
import pytest

from training.data.ledger import LINE
from training.data.readers.sheet import MAX_RECORD_LINES, WHITE_SPACE, Sheet, parse_csv, parse_plain


def cells(sheet: Sheet) -> list[tuple[str, ...]]:
    return sheet.rows.drop(LINE).rows()


def lines(sheet: Sheet) -> list[int]:
    return sheet.rows[LINE].to_list()


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def test_c06_a_lone_quote_is_a_character_and_swallows_no_line(cases: Path) -> None:
    sheet = parse_plain(read(cases / "traps/lone_quote.tsv"), "\t", 3)
    assert [row[0] for row in cells(sheet)] == ['"Heroes" (album)', '"Odd Al', 'Bo 12"', "Ann"]


def test_c07_a_quoted_cell_keeps_its_commas_and_doubled_quotes(cases: Path) -> None:
    sheet = parse_csv(read(cases / "ml_latest/movies.csv"), ",")
    assert sheet.header == ("movieId", "title", "genres")
    assert [row[1] for row in cells(sheet)] == ["Harbour, The (1995)", 'He Said "Run" (2001)', "Plain (2003)"]


def test_c07_a_quoted_cell_keeps_its_line_end_and_later_lines_keep_their_numbers() -> None:
    sheet = parse_csv('id,title\n1,"two\r\nlines"\n2,plain\n', ",")
    assert cells(sheet) == [("1", "two\r\nlines"), ("2", "plain")]
    assert lines(sheet) == [2, 4]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("quote", ["", '"'])
def test_c09_every_line_end_gives_the_same_cells(end: str, last: bool, quote: str) -> None:
    text = end.join(["h,t", f"a,{quote}b{quote}", "b,c"]) + (end if last else "")
    sheet = parse_csv(text, ",")
    assert (sheet.header, cells(sheet), lines(sheet)) == (("h", "t"), [("a", "b"), ("b", "c")], [2, 3])
    plain = parse_plain(text.replace('"', ""), ",")
    assert (plain.header, cells(plain), lines(plain)) == (("h", "t"), [("a", "b"), ("b", "c")], [2, 3])


def test_c09_crlf_makes_three_entities_not_four(cases: Path) -> None:
    sheet = parse_plain(read(cases / "traps/crlf.kg"), "\t")
    assert {end for head, _, tail in cells(sheet) for end in (head, tail)} == {"a", "b", "c"}


def test_c12_lines_of_another_width_are_named_and_blank_ones_are_no_rows(cases: Path) -> None:
    sheet = parse_plain(read(cases / "traps/bad_columns.tsv"), "\t", 3)
    assert cells(sheet) == [("a", "r", "b"), ("d", "r", "e")]
    assert sheet.bad_lines.to_list() == [2, 3]
    assert sheet.blank_lines == 2


def test_a_line_of_separators_is_a_row_of_empty_cells_and_not_blank() -> None:
    sheet = parse_plain("a\tb\n\t\n \n", "\t", 2)
    assert (cells(sheet), sheet.blank_lines) == ([("a", "b"), ("", "")], 1)


def test_python_and_polars_trim_the_same_characters() -> None:
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    trimmed = pl.Series(everything).str.strip_chars()
    assert [text for text, left in zip(everything, trimmed, strict=True) if not left] == sorted(WHITE_SPACE)


def test_only_outer_white_space_is_trimmed() -> None:
    assert cells(parse_plain(" a b \t c\n", "\t", 2)) == [("a b", "c")]
    assert cells(parse_csv('x,y\n" a  b ", c\n', ",")) == [("a  b", "c")]


@pytest.mark.parametrize("strange", ["\u2028", "\x0b", "\x0c", "\x1c", "\x85"])
def test_a_character_that_only_python_takes_for_a_line_end_ends_no_line(strange: str) -> None:
    assert cells(parse_plain(f"a{strange}b\tc\n", "\t", 2)) == [(f"a{strange}b", "c")]
    assert cells(parse_csv(f'x,y\n"a{strange}b",c\n', ",")) == [(f"a{strange}b", "c")]


def test_a_quote_that_is_never_closed_costs_its_own_line_only() -> None:
    sheet = parse_csv('id,title\n1,a\n2,"open\n3,c\n4,d\n', ",")
    assert [row[0] for row in cells(sheet)] == ["1", "3", "4"]
    assert sheet.bad_lines.to_list() == [3]


def test_text_after_a_closing_quote_makes_a_bad_row() -> None:
    sheet = parse_csv('id,title\n1,"a"b\n2,"c"\n', ",")
    assert (cells(sheet), sheet.bad_lines.to_list()) == ([("2", "c")], [2])


def test_records_that_open_a_quote_in_every_line_are_given_up_in_bounded_time() -> None:
    text = "x,y\n" + 'b"c,"\n' + 'b",c,"\n' * (3 * MAX_RECORD_LINES)
    sheet = parse_csv(text, ",")
    assert sheet.rows.height + len(sheet.bad_lines) == 3 * MAX_RECORD_LINES + 1


@pytest.mark.parametrize(("ends", "bad"), [(MAX_RECORD_LINES - 1, []), (MAX_RECORD_LINES, [2])])
def test_a_record_may_span_so_many_lines_and_no_more(ends: int, bad: list[int]) -> None:
    lines = "\n" * ends
    sheet = parse_csv(f'id,title\n1,"{lines}"\n2,b\n', ",")
    assert sheet.bad_lines.to_list()[:1] == bad
    assert cells(sheet)[-1] == ("2", "b")


@pytest.mark.parametrize("text", ["", "\n", "\r\n \n", '"'])
def test_a_file_without_a_row_has_a_header_without_cells(text: str) -> None:
    sheet = parse_csv(text, ",")
    assert not any(sheet.header or ())
    assert sheet.rows.height == 0


def test_cells_are_texts_whatever_they_look_like() -> None:
    sheet = parse_plain("007\tnan\n1e5\tNULL\n", "\t", 2)
    assert cells(sheet) == [("007", "nan"), ("1e5", "NULL")]
    assert sheet.rows.schema == {LINE: pl.Int64, "cell_0": pl.String, "cell_1": pl.String}
