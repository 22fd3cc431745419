"""What Recombee lists: kinds of interactions, and a catalogue with properties."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import MalformedFile, MissingFile

Read = Callable[..., Any]
Write = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def reading(cases: Path, read: Read) -> Any:
    return read(cases / "recombee", "recombee")


def test_every_kind_is_an_interaction_and_only_ratings_have_a_value(reading: Any) -> None:
    assert reading.rows("user_id", "item_id", "value") == [
        ("user-50", "event-7", None),
        ("user-51", "event-8", None),
        ("user-52", "007", None),
        ("user-51", "event-7", None),
        ("user-50", "event-8", "0.5"),
        ("user-52", "event-7", "-1.0"),
    ]


def test_c15_seconds_and_iso_8601_with_any_zone_are_the_same_time(reading: Any) -> None:
    assert reading.raw.interactions["timestamp"].to_list()[:3] == [1461149442] * 3


def test_properties_that_are_texts_are_facts_and_numbers_are_not(reading: Any) -> None:
    assert reading.titles() == {"event-7": "Harbour Night, The", "event-8": 'Rain "live"', "007": None}
    assert reading.facts() == {
        ("event-7", "genres", "genres:jazz"),
        ("event-7", "genres", "genres:folk"),
        ("event-7", "city", "city:Bree"),
        ("007", "genres", "genres:folk"),
        ("007", "city", "city:Bree"),
    }
    assert "properties of items that are no texts are not used: price, deleted" in reading.raw.warnings


def test_json_lines_count_their_bad_lines_and_read_on(write: Write, read: Read) -> None:
    lines = '{"userId":"u","itemId":"1"}\n\n{"userId":"u","itemId":\n{"userId":"u","itemId":"3"}\n["u","4"]\n'
    reading = read(write({"purchases.jsonl": lines}), "recombee", max_bad_share=0.5)
    assert reading.rows("item_id", "_line") == [("1", "1"), ("3", "4")]
    assert reading.drops("purchases.jsonl") == {"not a JSON object": (2, (3, 5))}


def test_the_rows_of_an_array_have_the_lines_they_start_on(write: Write, read: Read) -> None:
    array = '[\n{"userId": "u",\n "itemId": "1"},\n\n{"userId": "u", "itemId": "2"}]\n'
    assert read(write({"bookmarks.json": array}), "recombee").rows("item_id", "_line") == [("1", "2"), ("2", "5")]


@pytest.mark.parametrize(
    ("array", "line"),
    [
        ('[{"userId":"u","itemId":"1"},\n{"userId":"u"', 2),
        ('[{"userId":"u","itemId":"1"}\n{"userId":"u","itemId":"2"}]', 1),
        ('[{"userId":"u","itemId":"1"},\n]', 1),
        ('[{"userId":"u","itemId":"1"}] []', 1),
        ("[" + "[" * 100_000, 1),
        ('[{"userId":"u","itemId":' + "9" * 5_000, 1),
    ],
)
def test_a_broken_array_is_refused_with_its_line(write: Write, read: Read, array: str, line: int) -> None:
    with pytest.raises(MalformedFile, match=rf"purchases\.json, line {line}: expected"):
        read(write({"purchases.json": array}), "recombee")


def test_ids_that_are_numbers_stay_as_they_are_written(write: Write, read: Read) -> None:
    lines = '{"userId":900719925474099301,"itemId":1.50}\n'
    assert read(write({"purchases.jsonl": lines}), "recombee").rows("user_id", "item_id") == [
        ("900719925474099301", "1.50")
    ]


def test_half_a_character_and_nul_are_rejected(write: Write, read: Read) -> None:
    users = ("\\ud83d", "a\\u0000", "\\ud83d\\ude00")
    lines = "".join(f'{{"userId":"{user}","itemId":"1"}}\n' for user in users)
    reading = read(write({"purchases.jsonl": lines}), "recombee", max_bad_share=1.0)
    assert reading.rows("user_id") == [("😀",)]
    assert set(reading.drops("purchases.jsonl")) == {"not a JSON object", "NUL character"}


def test_a_file_without_ids_and_a_folder_without_files_are_refused(write: Write, read: Read) -> None:
    with pytest.raises(MalformedFile, match=r"line 1: expected a header with the columns userId, itemId, each once"):
        read(write({"a/purchases.csv": "user,item\nu,i\n"}) / "a", "recombee")
    with pytest.raises(MalformedFile, match="userId and itemId, found user, item"):
        read(write({"c/purchases.json": '[{"user": "u", "item": "i"}]'}) / "c", "recombee")
    with pytest.raises(MissingFile, match="interactions, such as"):
        read(write({"b/items.csv": "item_id\ni\n"}) / "b", "recombee")
