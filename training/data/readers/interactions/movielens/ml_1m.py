"""MovieLens 1M and 10M: ratings.dat, movies.dat, users.dat, with `::` between the fields."""

from training.data.ledger import Ledger
from training.data.readers.base import Part, RawTables, ReadOptions, Recognition
from training.data.readers.interactions.movielens import films
from training.data.readers.interactions.shared import heads
from training.data.readers.interactions.shared.files import LATIN, Files
from training.data.readers.rows import Dialect
from training.data.readers.source import Source

RATINGS, MOVIES, USERS, TAGS = "ratings.dat", "movies.dat", "users.dat", "tags.dat"

LAYOUT = f"""\
{RATINGS}   user::item::rating::seconds since 1970; no header
              1::1193::5::978300760
              1::661::3::978302109
{MOVIES}    id::title::genres split by |; Latin-1; may be left out
              1::Toy Story (1995)::Animation|Children's|Comedy
              2::Jumanji (1995)::Adventure|Children's|Fantasy
{USERS}     id::gender::age::occupation::zip code; may be left out; the ids are used
              1::F::1::10::48067
              2::M::56::16::70072
Genres, the year and the decade become facts of the film."""


class MovieLens1mReader:
    """Reads the releases of 2003 (1M) and 2009 (10M, with half stars)."""

    name = "movielens-1m"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        lines = heads.lines(source, source.find(RATINGS))
        certain = heads.fits(lines, r"\s*[^:]+::[^:]+::\d+(\.\d+)?::\d+\s*")
        return heads.recognised(certain, f"{RATINGS} holds four fields a line, split by ::")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, Dialect("::"), fallback=LATIN)
        ratings = files.main(RATINGS, holds="the ratings, as user::item::rating::seconds")
        interactions = files.interactions(ratings, ("user_id", "item_id", "value", "timestamp"))
        users = files.listed(source.find(USERS), ("user_id", "gender", "age", "occupation", "zip code"), "user_id")
        movies = files.listed(source.find(MOVIES), ("item_id", "title", "genres"), "item_id")
        files.leave({TAGS: "what people wrote is no fact of a graph"})
        return films.assembled(self.name, files, interactions, movies, films.described(movies), users)
