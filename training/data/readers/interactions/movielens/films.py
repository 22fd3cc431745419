"""What the lists of films have in common: whole titles, the year behind them, and genres."""

import polars as pl

from training.data.ledger import ORIGIN
from training.data.readers.base import RawTables
from training.data.readers.interactions.shared import facts
from training.data.readers.interactions.shared.files import Files, none_of, titled

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


def assembled(
    name: str,
    files: Files,
    interactions: pl.DataFrame,
    films: pl.DataFrame,
    told: tuple[pl.DataFrame, pl.DataFrame],
    users: pl.DataFrame | None = None,
) -> RawTables:
    """Put together what a release gives; `told` is what `described` gave, `users` hold more than is used of them."""
    users = none_of(["user_id"]) if users is None else users
    if users.height:
        unused = [column for column in users.columns if column not in (*ORIGIN, "user_id")]
        files.warnings.append(f"of users only their ids are used: not {', '.join(unused)}")
    item_facts, entities = told
    return RawTables(
        source_format=name,
        declared={"users": users.select("user_id"), "items": titled(films), "entities": entities},
        interactions=interactions,
        item_facts=item_facts,
        warnings=files.warnings,
    )
