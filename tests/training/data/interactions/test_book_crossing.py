"""Cases C08 and C19 on the files of Book-Crossing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import MalformedFile, TooManyBadRows

Read = Callable[..., Any]
Write = Callable[[Mapping[str, str | bytes]], Path]
RATINGS, BOOKS = "BX-Book-Ratings.csv", "BX-Books.csv"


@pytest.fixture
def reading(cases: Path, read: Read) -> Any:
    """Give the sample; one of its three books is broken."""
    return read(cases / "book_crossing", "book-crossing", max_bad_share=0.34)


def test_c08_six_ratings_two_of_them_zero_and_five_different_ids(reading: Any) -> None:
    assert reading.values() == [0.0, 8.0, 5.0, 7.0, 0.0, 10.0]
    assert len({item for (item,) in reading.rows("item_id")}) == 5
    assert reading.raw.zeros == "implicit"


def test_c08_two_books_are_good_and_the_row_that_ends_in_a_backslash_is_rejected_not_shifted(reading: Any) -> None:
    assert reading.titles() == {"0009990018": "L'Été à Nîmes; a diary", "034500000X": 'The "Quiet" Ones'}
    books = reading.files[BOOKS]
    assert (books.rows_read, books.rows_kept) == (3, 2)
    assert [(drop.rows, drop.first_lines, drop.malformed) for drop in books.dropped] == [(1, (4,), True)]


def test_c08_one_bad_book_of_three_stops_the_import_unless_so_many_are_allowed(cases: Path, read: Read) -> None:
    with pytest.raises(TooManyBadRows, match=r"BX-Books\.csv, line 4: expected 5 columns"):
        read(cases / "book_crossing", "book-crossing")


def test_c01_the_books_are_latin_1_and_the_ratings_are_not(reading: Any) -> None:
    assert (reading.files[BOOKS].encoding, reading.files[RATINGS].encoding) == ("latin-1", "utf-8")


def test_c19_isbns_keep_leading_zeros_and_the_case_of_their_x_but_no_outer_blanks(reading: Any) -> None:
    assert [item for (item,) in reading.rows("item_id")] == [
        "0009990018",
        "034500000X",
        "0009990018",
        "9990018",
        "0345000013",
        "034500000x",
    ]


def test_author_publisher_and_year_are_facts_without_html_and_the_year_0_is_none(reading: Any) -> None:
    assert reading.facts() == {
        ("0009990018", "author", "author:R. Vernë"),
        ("0009990018", "publisher", "publisher:Maison & Fils"),
        ("0009990018", "publication year", "publication year:2001"),
        ("0009990018", "publication decade", "publication decade:2000s"),
        ("034500000X", "author", "author:A. Pell"),
        ("034500000X", "publisher", "publisher:Small Press"),
    }


def test_copies_with_commas_and_without_bx_are_read_too(write: Write, read: Read) -> None:
    source = write(
        {
            "Ratings.csv": "User-ID,ISBN,Book-Rating\n1,0001,7\n",
            "Books.csv": "ISBN,Book-Title,Book-Author,Year-Of-Publication,Publisher,Image-URL-S\n"
            '0001,"Say ""No"", twice",A,1999,P,http://x\n',
            "Users.csv": "User-ID,Location,Age\n1,bree,\n2,bree,30\n",
        }
    )
    reading = read(source, "book-crossing")
    assert (reading.values(), reading.titles()) == ([7.0], {"0001": 'Say "No", twice'})
    assert reading.raw.declared["users"]["user_id"].to_list() == ["1", "2"]


def test_ratings_without_their_columns_are_refused_with_the_line(write: Write, read: Read) -> None:
    source = write({RATINGS: '"User";"ISBN";"Book-Rating"\n'})
    with pytest.raises(MalformedFile, match=r"line 1: expected a header with the columns User-ID, ISBN, Book-Rating"):
        read(source, "book-crossing")
