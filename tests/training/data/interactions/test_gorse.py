"""Case C07 on Gorse's exports, and what becomes of their labels and times."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Read = Callable[..., Any]
Write = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def reading(cases: Path, read: Read) -> Any:
    return read(cases / "gorse", "gorse")


def test_each_feedback_is_an_interaction_and_the_report_counts_the_types(reading: Any) -> None:
    assert reading.rows("user_id", "item_id") == [("u1", "007"), ("u1", "007"), ("u2", "8"), ("u2", "9")]
    assert reading.raw.warnings == ["feedback.csv: every type of feedback counts alike (2 read, 2 like)"]


def test_c15_times_with_a_zone_become_seconds_and_the_zero_time_of_go_is_none(reading: Any) -> None:
    # 2021-03-04 is 18,690 days after 1970-01-01: 51 years (13 of them leap years) and 62 days
    day = 18_690 * 86_400
    assert reading.raw.interactions["timestamp"].to_list() == [day + 18_367, day + 18_428, None, day + 86_400]


def test_c07_descriptions_are_titles_and_keep_commas_and_doubled_quotes(reading: Any) -> None:
    assert reading.titles() == {"007": "Harbour, The", "8": 'He Said "Run"', "9": None}


def test_categories_and_labels_are_facts_and_a_labels_object_names_its_relations(reading: Any) -> None:
    assert reading.facts() == {
        ("007", "category", "category:film"),
        ("007", "category", "category:short"),
        ("007", "label", "label:drama"),
        ("007", "label", "label:rain"),
        ("8", "category", "category:film"),
        ("9", "genre", "genre:war"),
        ("9", "genre", "genre:drama"),
        ("9", "studio", "studio:Pell"),
    }


def test_users_without_feedback_stay_known(reading: Any) -> None:
    assert reading.raw.declared["users"]["user_id"].to_list() == ["u1", "u2", "u3"]


def test_a_value_column_is_the_value_and_times_may_be_missing(write: Write, read: Read) -> None:
    source = write({"feedback.csv": "feedback_type,user_id,item_id,value\nstar,u,i,3.5\n"})
    assert read(source, "gorse").rows("value", "timestamp") == [("3.5", None)]


@pytest.mark.parametrize(
    ("labels", "facts"),
    [
        ('["a","b"]', {("label", "label:a"), ("label", "label:b")}),
        ('{"x":{"y":1},"z":[1,true,"c"]}', {("z", "z:1"), ("z", "z:c")}),
        ('["a', {("label", 'label:["a')}),  # no JSON after all: a label like any other
        ('["\\ud800","\\u0000"]', set()),  # half a character and NUL, which no data base can hold
        ("a||a", {("label", "label:a")}),
    ],
)
def test_labels_may_be_a_list_or_an_object_of_json(
    write: Write, read: Read, labels: str, facts: set[tuple[str, str]]
) -> None:
    quoted = '"' + labels.replace('"', '""') + '"'
    source = write(
        {
            "feedback.csv": "feedback_type,user_id,item_id,time_stamp\nlike,u,i,\n",
            "items.csv": f"item_id,is_hidden,categories,time_stamp,labels,description\ni,false,,,{quoted},\n",
        }
    )
    assert {(relation, tail) for _, relation, tail in read(source, "gorse").facts()} == facts
