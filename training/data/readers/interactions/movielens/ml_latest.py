"""MovieLens 20M, 25M, 32M and the "latest" ones: ratings.csv, movies.csv."""

from training.data.ledger import Ledger
from training.data.readers.base import Part, RawTables, ReadOptions, Recognition
from training.data.readers.interactions.movielens import films
from training.data.readers.interactions.shared import heads
from training.data.readers.interactions.shared.files import Files
from training.data.readers.rows import CSV
from training.data.readers.source import Source

RATINGS, MOVIES = "ratings.csv", "movies.csv"
RATING = {"user_id": "userId", "item_id": "movieId", "value": "rating", "timestamp": "timestamp"}
MOVIE = {"item_id": "movieId", "title": "title", "genres": "genres"}
UNREAD = {
    "links.csv": "its ids of IMDb and TMDB name no entity of a graph",
    "tags.csv": "what people wrote is no fact of a graph",
    "genome-scores.csv": "relevances are numbers, not facts",
    "genome-tags.csv": "relevances are numbers, not facts",
}

LAYOUT = f"""\
{RATINGS}   a header, commas; half stars; seconds since 1970
              userId,movieId,rating,timestamp
              1,1,4.0,964982703
{MOVIES}    a header, RFC 4180: quoted titles may hold commas; may be left out
              movieId,title,genres
              11,"American President, The (1995)",Comedy|Drama|Romance
Genres, the year and the decade become facts of the film."""


class MovieLensLatestReader:
    """Reads the releases since 2015 (20M, 25M, 32M, latest, latest-small)."""

    name = "movielens-latest"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        certain = heads.header(source, source.find(RATINGS), ",") == tuple(RATING.values())
        return heads.recognised(certain, f"{RATINGS} has the header {','.join(RATING.values())}")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, CSV)
        ratings = files.main(RATINGS, holds=f"the ratings, with the header {','.join(RATING.values())}")
        interactions = files.interactions(ratings, RATING)
        movies = files.listed(source.find(MOVIES), MOVIE, "item_id")
        files.leave(UNREAD)
        return films.assembled(self.name, files, interactions, movies, films.described(movies))
