"""Cases C01, C07, C11 and C18, and the rows of MovieLens in the table of formats."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import MalformedFile, MissingFile, TooManyBadRows

Read = Callable[..., Any]


def test_ml100k_has_10_rows_5_users_and_4_items_without_a_header(cases: Path, read: Read) -> None:
    reading = read(cases / "ml100k", "movielens-100k")
    rows = reading.rows("user_id", "item_id")
    assert (len(rows), len({user for user, _ in rows}), len({item for _, item in rows})) == (10, 5, 4)
    assert reading.files["u.data"].rows_read == 10
    assert reading.raw.interactions.row(0)[-2:] == (3.0, 881250111)


def test_c01_latin_1_titles_of_ml100k_keep_their_accents_and_the_report_names_the_byte(cases: Path, read: Read) -> None:
    reading = read(cases / "ml100k", "movielens-100k")
    assert reading.titles() == {
        "2": "Cellar Light (1993)",
        "5": "Café Été (1994)",
        "7": "Señal, La (1996)",
        "9": "unknown",
    }
    items, ratings = reading.files["u.item"], reading.files["u.data"]
    first = (cases / "ml100k/u.item").read_bytes().index(b"\xe9")
    assert (items.encoding, items.not_utf8_from_byte) == ("latin-1", first)
    assert (ratings.encoding, ratings.not_utf8_from_byte) == ("utf-8", None)


def test_c01_a_declared_encoding_goes_before_the_known_one(cases: Path, read: Read) -> None:
    reading = read(cases / "ml100k", "movielens-100k", encoding="cp1250")
    assert reading.titles()["5"] == "Café Été (1994)"
    assert reading.titles()["7"] == "Seńal, La (1996)"  # what byte F1 is there
    assert reading.files["u.item"].encoding == "cp1250"


def test_c01_ml1m_titles_keep_colons_commas_and_accents(cases: Path, read: Read) -> None:
    assert read(cases / "ml1m", "movielens-1m").titles() == {
        "1001": "Noël: The Long Night (1988)",
        "1002": "Plain Title (1990)",
        "1003": "Tale, A (1991)",
        "1004": "Señor X (1999)",
    }


def test_c11_ml1m_has_10_rows_4_users_and_4_items_and_its_first_line_is_one_of_them(cases: Path, read: Read) -> None:
    reading = read(cases / "ml1m", "movielens-1m")
    rows = reading.rows("user_id", "item_id")
    assert reading.files["ratings.dat"].rows_read == 10
    assert (len(rows), len({user for user, _ in rows}), len({item for _, item in rows})) == (10, 4, 4)
    assert rows[0] == ("1", "1001")


def test_c07_titles_of_ml_latest_keep_commas_and_doubled_quotes(cases: Path, read: Read) -> None:
    assert read(cases / "ml_latest", "movielens-latest").titles() == {
        "10": "Harbour, The (1995)",
        "20": 'He Said "Run" (2001)',
        "30": "Plain (2003)",
    }


def test_c11_the_header_of_ml_latest_is_no_rating(cases: Path, read: Read) -> None:
    reading = read(cases / "ml_latest", "movielens-latest")
    assert reading.files["ratings.csv"].rows_read == len(reading.rows("user_id")) == 5


def test_c18_half_stars_stay_halves_and_three_reach_a_threshold_of_4(cases: Path, read: Read) -> None:
    values = read(cases / "ml_latest", "movielens-latest").values()
    assert values == [4.0, 3.5, 0.5, 5.0, 4.5]
    assert sum(value >= 4 for value in values if value is not None) == 3


@pytest.mark.parametrize(
    ("folder", "name", "facts"),
    [
        # u.item: film 2 has flag 1 (Action) of 0 unknown, 1 Action, ...; its title ends in (1993)
        ("ml100k", "movielens-100k", {("2", "genre", "genre:Action"), ("2", "release year", "release year:1993")}),
        ("ml1m", "movielens-1m", {("1003", "genre", "genre:Children's"), ("1003", "genre", "genre:Fantasy")}),
        (
            "ml_latest",
            "movielens-latest",
            {("20", "genre", "genre:Thriller"), ("10", "release decade", "release decade:1990s")},
        ),
    ],
)
def test_genres_years_and_decades_become_facts_of_films(
    cases: Path, read: Read, folder: str, name: str, facts: set[tuple[str, str, str]]
) -> None:
    reading = read(cases / folder, name)
    assert facts <= reading.facts()
    labels = dict(reading.raw.declared["entities"].iter_rows())
    assert {tail: labels[tail] for _, _, tail in facts} == {tail: tail.split(":")[1] for _, _, tail in facts}


def test_no_genre_no_year_and_the_genre_unknown_are_no_facts(cases: Path, read: Read) -> None:
    facts = read(cases / "ml_latest", "movielens-latest").facts()
    assert {relation for item, relation, _ in facts if item == "30"} == {"release year", "release decade"}
    assert not any(item == "9" for item, _, _ in read(cases / "ml100k", "movielens-100k").facts())


def test_the_year_of_a_series_is_its_first_and_a_number_inside_a_title_is_none(tmp_path: Path, read: Read) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,5,1\n")
    titles = [
        "Note (2006–2007)",
        "Long (2009– )",
        "Open (1999-)",
        "(1984) a book",
        "2001: A Trip",
        "Twice (1901) (1950)",
    ]
    rows = "".join(f"{item},{title},Drama\n" for item, title in enumerate(titles))
    (tmp_path / "movies.csv").write_text(f"movieId,title,genres\n{rows}", encoding="utf-8")
    years = {item: tail for item, relation, tail in read(tmp_path, "movielens-latest").facts() if "year" in relation}
    assert {item: tail.split(":")[1] for item, tail in years.items()} == {
        "0": "2006",
        "1": "2009",
        "2": "1999",
        "5": "1950",
    }


def test_genres_are_those_of_u_genre_and_its_places_must_be_those_of_the_flags(
    cases: Path, tmp_path: Path, read: Read
) -> None:
    source = Path(shutil.copytree(cases / "ml100k", tmp_path / "m"))
    text = (source / "u.genre").read_text()
    (source / "u.genre").write_text(text.replace("Action", "Aktion"))
    assert ("2", "genre", "genre:Aktion") in read(source, "movielens-100k").facts()
    (source / "u.genre").write_text(text.replace("Action|1", "Action|7"))
    with pytest.raises(MalformedFile, match=r"u\.genre.*places 0, 1, 2"):
        read(source, "movielens-100k")


def test_people_who_rated_nothing_stay_known_and_what_is_not_used_is_said(cases: Path, read: Read) -> None:
    reading = read(cases / "ml100k", "movielens-100k")
    assert reading.raw.declared["users"]["user_id"].to_list() == ["11", "12", "13", "14", "15", "16"]
    assert any("gender" in warning for warning in reading.raw.warnings)
    latest = read(cases / "ml_latest", "movielens-latest").raw.warnings
    assert [warning.split(" ")[0] for warning in latest] == ["links.csv", "tags.csv"]


def test_ratings_alone_are_enough_and_may_be_packed_or_called_otherwise(
    cases: Path, tmp_path: Path, read: Read
) -> None:
    data = (cases / "ml1m/ratings.dat").read_bytes()
    (tmp_path / "ratings.dat.gz").write_bytes(gzip.compress(data))
    assert len(read(tmp_path, "movielens-1m").rows("user_id")) == 10
    (tmp_path / "mine.txt").write_bytes(data)
    reading = read(tmp_path / "mine.txt", "movielens-1m")
    assert len(reading.rows("user_id")) == 10
    assert reading.titles() == {}


def test_a_folder_without_ratings_and_a_file_of_another_release_are_refused(cases: Path, read: Read) -> None:
    with pytest.raises(MissingFile, match=r"u\.data"):
        read(cases / "ml1m", "movielens-100k")
    with pytest.raises(TooManyBadRows, match=r"u\.data, line 1: expected 4 columns separated by ::"):
        read(cases / "ml100k" / "u.data", "movielens-1m")
