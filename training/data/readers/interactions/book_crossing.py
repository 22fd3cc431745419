"""Book-Crossing: ratings from 0 to 10, where 0 says that there was no rating, and lists of books and readers."""

import html
from pathlib import Path

import polars as pl

from training.data.ledger import Ledger
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition
from training.data.readers.interactions.shared import facts, heads
from training.data.readers.interactions.shared.files import LATIN, Files, titled
from training.data.readers.rows import CSV, Dialect
from training.data.readers.source import Source

RATINGS = ("BX-Book-Ratings.csv", "Ratings.csv")
BOOKS = ("BX-Books.csv", "BX_Books.csv", "Books.csv")
USERS = ("BX-Users.csv", "Users.csv")
RATING = {"user_id": "User-ID", "item_id": "ISBN", "value": "Book-Rating"}
BOOK = {
    "item_id": "ISBN",
    "title": "Book-Title",
    "author": "Book-Author",
    "year": "Year-Of-Publication",
    "publisher": "Publisher",
}

LAYOUT = f"""\
{RATINGS[0]}   a header, semicolons, \\" in quotes, Latin-1; 0 is no grade
                      "User-ID";"ISBN";"Book-Rating"
                      "276725";"034545104X";"0"
{BOOKS[0]}          may be left out
                      "ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher"
                      "0195153448";"Classical Mythology";"Mark P. O. Morford";"2002";"Oxford"
{USERS[0]}          may be left out; the ids are used
                      "User-ID";"Location";"Age"
                      "1";"nyc, new york, usa";NULL
Author, publisher, year and decade become facts of the book."""


class BookCrossingReader:
    """Reads the files of Ziegler et al. (WWW 2005), and copies with commas (Ratings.csv, Books.csv, Users.csv)."""

    name = "book-crossing"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        path = source.find(*RATINGS)
        if path is None:
            return NOT_MINE
        certain = heads.header(source, path, _dialect(source, path).separator) == tuple(RATING.values())
        return heads.recognised(certain, f"{source.name_of(path)} has the header {', '.join(RATING.values())}")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, CSV, fallback=LATIN)
        ratings = files.main(*RATINGS, holds=f"the ratings, with the header {', '.join(RATING.values())}")
        interactions = _speaking(files, ratings).interactions(ratings, RATING)
        path = source.find(*USERS)
        users = _speaking(files, path).listed(path, {"user_id": "User-ID"}, "user_id")
        path = source.find(*BOOKS)
        books = _plain(_speaking(files, path).listed(path, BOOK, "item_id"))
        item_facts, entities = facts.gather(
            [
                facts.single(books, "author", "author"),
                facts.single(books, "publisher", "publisher"),
                facts.years(books, "year", "publication"),
            ]
        )
        return RawTables(
            source_format=self.name,
            declared={"users": users.select("user_id"), "items": titled(books), "entities": entities},
            interactions=interactions,
            item_facts=item_facts,
            zeros="implicit",
            warnings=files.warnings,
        )


def _dialect(source: Source, path: Path) -> Dialect:
    first = next(iter(heads.lines(source, path)), "")
    return Dialect(";", "backslash", header=True) if ";" in first else CSV


def _speaking(files: Files, path: Path | None) -> Files:
    return files if path is None else files.speaking(_dialect(files.source, path).spoken(files.options))


def _plain(books: pl.DataFrame) -> pl.DataFrame:
    """Undo the HTML that the names were collected with: `&amp;` is an ampersand."""
    names = ("title", "author", "publisher")
    return books.with_columns(pl.col(name).map_elements(html.unescape, return_dtype=pl.String) for name in names)
