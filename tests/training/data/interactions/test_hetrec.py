"""Case C11 and the row of Last.fm in the table of formats."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Read = Callable[..., Any]
Write = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def reading(cases: Path, read: Read) -> Any:
    """Give the sample; one of its four tags is of no known number."""
    return read(cases / "hetrec_lastfm", "hetrec-lastfm", max_bad_share=0.25)


def test_c11_the_header_is_no_row_and_six_rows_of_four_users_and_four_artists_are_left(reading: Any) -> None:
    rows = reading.rows("user_id", "item_id")
    assert (len(rows), len({user for user, _ in rows}), len({item for _, item in rows})) == (6, 4, 4)
    assert reading.files["user_artists.dat"].rows_read == 6


def test_play_counts_stay_counts(reading: Any) -> None:
    assert reading.values() == [13000.0, 11000.0, 1.0, 352698.0, 7.0, 40.0]
    assert any("play counts" in warning for warning in reading.raw.warnings)


def test_names_keep_their_quotes_and_an_empty_last_column_is_a_column(reading: Any) -> None:
    assert reading.titles() == {"51": "Sigur Rós", "52": "椎名 test", "60": 'A"B Band', "61": "Plain Name"}


def test_a_tag_is_a_fact_once_and_one_that_is_not_listed_is_rejected(reading: Any) -> None:
    assert reading.facts() == {("51", "tag", "tag:post-rock"), ("52", "tag", "tag:café")}
    assert reading.drops("user_taggedartists.dat") == {
        "tag that somebody gave before": (1, (3,)),
        "unknown tag": (1, (5,)),
    }
    assert reading.files["tags.dat"].encoding == "latin-1"


def test_play_counts_alone_are_enough(write: Write, read: Read) -> None:
    reading = read(write({"user_artists.dat": "userID\tartistID\tweight\n2\t51\t3\n"}), "hetrec-lastfm")
    assert (reading.values(), reading.titles(), reading.facts()) == ([3.0], {}, set())
