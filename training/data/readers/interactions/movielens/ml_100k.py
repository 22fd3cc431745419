"""MovieLens 100K: u.data, u.item, u.genre, u.user."""

import polars as pl

from training.data.errors import MalformedFile
from training.data.ledger import ORIGIN, Ledger
from training.data.readers.base import Part, RawTables, ReadOptions, Recognition
from training.data.readers.interactions.movielens import films
from training.data.readers.interactions.shared import facts, heads
from training.data.readers.interactions.shared.files import LATIN, Files
from training.data.readers.rows import Dialect
from training.data.readers.source import Source

RATINGS, ITEMS, GENRES, USERS = "u.data", "u.item", "u.genre", "u.user"
# The 19 flags of u.item in the order in which the README of the data set gives them; u.genre, if there, says the same.
FLAGS: tuple[str, ...] = ("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary")
FLAGS += ("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller")
FLAGS += ("War", "Western")
FIELDS = ("item_id", "title", "release date", "video release date", "URL")

LAYOUT = f"""\
{RATINGS}   user TAB item TAB rating TAB seconds since 1970; no header
           196 TAB 242 TAB 3 TAB 881250949
           186 TAB 302 TAB 3 TAB 891717742
{ITEMS}   id|title|date|video date|URL|19 genre flags; Latin-1; may be left out
           1|Toy Story (1995)|01-Jan-1995||http://…|0|0|0|1|1|1|0|0|…
           2|GoldenEye (1995)|01-Jan-1995||http://…|0|1|1|0|0|0|0|0|…
{USERS}   id|age|gender|occupation|zip code; may be left out; the ids are used
           1|24|M|technician|85711
           2|53|F|other|94043
Genres, the year and the decade become facts of the film."""


class MovieLens100kReader:
    """Reads the release of 1998. Its ready-made splits (u1.base, ...) are not used."""

    name = "movielens-100k"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        lines = heads.lines(source, source.find(RATINGS))
        certain = heads.fits(lines, r"\s*\d+\t\d+\t\d+(\.\d+)?\t\d+\s*")
        return heads.recognised(certain, f"{RATINGS} holds four numbers a line, split by tabs")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, Dialect("\t"), fallback=LATIN)
        ratings = files.main(RATINGS, holds="the ratings, as user TAB item TAB rating TAB seconds")
        interactions = files.interactions(ratings, ("user_id", "item_id", "value", "timestamp"))
        lists = files.speaking(Dialect("|"))
        users = lists.listed(source.find(USERS), ("user_id", "age", "gender", "occupation", "zip code"), "user_id")
        movies, told = _films(lists)
        return films.assembled(self.name, files, interactions, movies, told, users)


def _films(files: Files) -> tuple[pl.DataFrame, tuple[pl.DataFrame, pl.DataFrame]]:
    names = _flag_names(files)
    flags = [f"flag {place}" for place in range(len(names))]
    rows = files.listed(files.source.find(ITEMS), (*FIELDS, *flags), "item_id")
    year = pl.coalesce(films.year_of_title(), pl.col("release date").str.extract(r"(\d{4})$"))
    rows = rows.with_columns(year=year)
    raised = rows.unpivot(flags, index=[*ORIGIN, "item_id"], variable_name="flag").filter(pl.col("value") == "1")
    genres = raised.with_columns(genre=pl.col("flag").replace(dict(zip(flags, names, strict=True))))
    genres = facts.single(genres.filter(pl.col("genre") != FLAGS[0]), "genre", films.GENRE)
    return rows, facts.gather([genres, facts.years(rows, "year", films.RELEASE)])


def _flag_names(files: Files) -> tuple[str, ...]:
    """Give the genres that the flags stand for: those of u.genre, else those of the release."""
    path = files.source.find(GENRES)
    if path is None:
        return FLAGS
    rows = files.listed(path, ("name", "place"), "place")
    if rows["place"].to_list() != [str(place) for place in range(max(rows.height, 1))]:
        found = ", ".join(rows["place"].head(len(FLAGS) + 1)) or "nothing"
        raise MalformedFile(path, 1, "genres with the places 0, 1, 2, … of their flags in u.item", found)
    return tuple(rows["name"])
