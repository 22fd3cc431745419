"""What the lists of films have in common: whole titles, the year behind them, and genres."""

import polars as pl

from training.data.readers.interactions.shared import facts

GENRE, RELEASE = "genre", "release"
NO_GENRES = "(no genres listed)"
_YEAR_BEHIND_TITLE = r"\((\d{4})(?:\s?[-–]\s?(?:\d{4})?)?\)\s*$"  # "(1995)", of series "(2006–2007)" or "(2009–)"


def year_of_title() -> pl.Expr:
    """Give the year in brackets at the end of a title, the first one of a span; null where there is none."""
    return pl.col("title").str.extract(_YEAR_BEHIND_TITLE)


def described(films: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give item facts and entities of films with `item_id`, `title` and `genres` split by `|`."""
    told = films.with_columns(year=year_of_title(), genres=pl.col("genres").replace(NO_GENRES, ""))
    return facts.gather([facts.several(told, "genres", GENRE, "|"), facts.years(told, "year", RELEASE)])
